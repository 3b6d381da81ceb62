"""Lists of the API: filter, sort, page. Every list works alike and names what it does not know."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.fhir.base import Page
from adapters.fhir.unit import UnitOfWork
from domain.errors import Malformed, Problem
from domain.json import Resource
from triggers.readable import readable

LARGEST: Final = 200
USUAL: Final = 50
TASK_STATUS: Final = (
    "draft",
    "requested",
    "received",
    "accepted",
    "rejected",
    "ready",
    "cancelled",
    "in-progress",
    "on-hold",
    "failed",
    "completed",
    "entered-in-error",
)
"""https://hl7.org/fhir/R4/valueset-task-status.html"""
Filters = Mapping[str, Collection[str]]
"""Names of filters with the values that each knows; a filter with none takes any value."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a client asked of a list."""

    filters: Mapping[str, str]
    sort: str
    """Search parameter to sort by, with ``-`` for descending."""
    count: int
    token: str | None
    scope: str
    """The list and whose it is: page tokens are good for it alone."""

    async def find(self, work: UnitOfWork, kind: str, query: Mapping[str, str | list[str]]) -> Page:
        """The page that was asked for."""
        if self.token:
            return await work.next_page(self.token, self.scope)
        return await work.search_page(kind, {**query, "_sort": self.sort, "_count": str(self.count)}, self.scope)

    async def page(
        self,
        work: UnitOfWork,
        kind: str,
        query: Mapping[str, str | list[str]],
        show: Callable[[Resource], dict[str, Any]],
    ) -> dict[str, Any]:
        """The page as ``{"items", "next"}``; ``next`` goes back as ``page``."""
        page = await self.find(work, kind, query)
        items = [item for resource in page.matches if (item := readable(show, resource)) is not None]
        return {"items": items, "total": page.total, "next": page.next}


def listing(asked: Mapping[str, str], *, scope: str, filters: Filters, sorts: Mapping[str, str], sort: str) -> Listing:
    """Read query parameters. Raises ``Malformed`` with every one that the list does not know."""
    known = {*filters, "sort", "count", "page"}
    problems = [_problem(name, f"Use one of {', '.join(sorted(known))}.") for name in sorted(set(asked) - known)]
    wanted = asked.get("sort", sort)
    if wanted.removeprefix("-") not in sorts:
        problems.append(_problem("sort", f"Sort by one of {', '.join(sorted(sorts))}, with - for descending."))
    count = asked.get("count", str(USUAL))
    if not (count.isascii() and count.isdecimal() and len(count) < 5 and 1 <= int(count) <= LARGEST):
        problems.append(_problem("count", f"Ask for 1 to {LARGEST} items."))
    chosen = {name: asked[name] for name in filters if asked.get(name)}
    for name, value in chosen.items():
        if filters[name] and not set(value.split(",")) <= set(filters[name]):
            problems.append(_problem(name, f"Use one or more, with commas between, of {', '.join(filters[name])}."))
    if problems:
        raise Malformed(problems)
    sign = "-" if wanted.startswith("-") else ""
    return Listing(chosen, sign + sorts[wanted.removeprefix("-")], int(count), asked.get("page"), scope)


def _problem(name: str, text: str) -> Problem:
    return Problem(path=f"?{name}", text=text, code="value")
