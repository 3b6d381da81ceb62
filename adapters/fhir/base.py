"""What the engine needs of a FHIR R4 server, kept to what Azure Health Data Services and HAPI both do.

https://hl7.org/fhir/R4/http.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from domain.json import Resource


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a transaction."""

    method: Literal["PUT", "POST", "GET", "DELETE"]
    url: str
    """``Claim/123`` for PUT, GET and DELETE, ``Claim`` for POST, ``Coverage?identifier=...`` for a search by GET."""
    resource: Resource | None = None
    if_none_exist: bool = False
    """PUT: create, and fail with ``Conflict('exists')`` when the resource exists (``If-None-Match: *``)."""
    if_match: str | None = None
    """PUT: the version id that must be current, else ``Conflict('stale')``."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search."""

    matches: tuple[Resource, ...]
    included: tuple[Resource, ...] = ()
    total: int | None = None
    next: str | None = None
    """An opaque token for ``Fhir.next_page``; ``None`` on the last page."""


class Fhir(Protocol):
    """A FHIR R4 server. Every method raises ``Unavailable('fhir')`` when the server does not answer or answers 5xx/429,
    ``NotFound('resource')`` on 404/410 and ``Defect('fhir-refused')`` on any other 4xx. No error message holds a value
    of a resource.

    What is the same on every server, and tested by one contract suite: a PUT that changes nothing makes no version; a
    reference may name what does not exist (a search need not find it by that reference then); of two transactions that
    create the same resource one wins."""

    async def read(self, reference: str) -> Resource:
        """The current version of ``Type/id``, or the named one of ``Type/id/_history/v``."""
        ...

    async def read_many(self, references: Sequence[str]) -> list[Resource | None]:
        """Several reads in one request (a batch Bundle), in order; ``None`` where there is none."""
        ...

    async def history(self, reference: str) -> list[Resource]:
        """All versions of ``Type/id``, newest first."""
        ...

    async def search(self, resource_type: str, parameters: Mapping[str, str | Sequence[str]], scope: str = "") -> Page:
        """POST ``Type/_search``: parameters never stand in a query string. Lists repeat the parameter (AND). A token
        that leaves the process has a ``scope``: for which list and reader it is good."""
        ...

    async def next_page(self, token: str, scope: str = "") -> Page:
        """The page that ``Page.next`` names. Raises ``Malformed`` for a token that this adapter did not make, or made
        for another scope."""
        ...

    async def transaction(self, entries: Sequence[Entry]) -> list[Resource]:
        """All or nothing. Returns the stored resource of each entry with ``meta.versionId`` and ``meta.lastUpdated``
        set, in the order of ``entries`` (for DELETE an empty dict, for a search by GET a searchset Bundle).

        Raises ``Conflict('exists')`` and ``Conflict('stale')`` where a condition of an entry does not hold, and
        ``Rejected('fhir-refused')`` where all hold and the server refuses what the resources say."""
        ...

    async def ready(self) -> None:
        """Return when the server answers ``GET /metadata``; raise ``Unavailable('fhir')`` otherwise."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...
