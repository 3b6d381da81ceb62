"""Lists of the API: filter, sort, page. Every list works alike and names what it does not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from adapters.fhir.base import Fhir
from domain.errors import Malformed, Problem
from domain.json import Resource
from triggers.readable import readable

LARGEST: Final = 200
USUAL: Final = 50


@dataclass(frozen=True, slots=True)
class Listing:
    """What a client asked of a list."""

    filters: Mapping[str, str]
    sort: str
    """Search parameter to sort by, with ``-`` for descending."""
    count: int
    token: str | None

    async def page(
        self, fhir: Fhir, kind: str, query: Mapping[str, str | list[str]], show: Callable[[Resource], dict[str, Any]]
    ) -> dict[str, Any]:
        """The page as ``{"items", "next"}``; ``next`` goes back as ``page``."""
        if self.token:
            page = await fhir.next_page(self.token)
        else:
            page = await fhir.search(kind, {**query, "_sort": self.sort, "_count": str(self.count)})
        items = [item for resource in page.matches if (item := readable(show, resource)) is not None]
        return {"items": items, "total": page.total, "next": page.next}


def listing(asked: Mapping[str, str], *, filters: set[str], sorts: Mapping[str, str], sort: str) -> Listing:
    """Read query parameters. Raises ``Malformed`` with every one that the list does not know."""
    known = filters | {"sort", "count", "page"}
    problems = [_problem(name, f"Use one of {', '.join(sorted(known))}.") for name in sorted(set(asked) - known)]
    wanted = asked.get("sort", sort)
    if wanted.removeprefix("-") not in sorts:
        problems.append(_problem("sort", f"Sort by one of {', '.join(sorted(sorts))}, with - for descending."))
    count = asked.get("count", str(USUAL))
    if not count.isdigit() or not 1 <= int(count) <= LARGEST:
        problems.append(_problem("count", f"Ask for 1 to {LARGEST} items."))
    if problems:
        raise Malformed(problems)
    sign = "-" if wanted.startswith("-") else ""
    chosen = {name: asked[name] for name in filters if asked.get(name)}
    return Listing(chosen, sign + sorts[wanted.removeprefix("-")], int(count), asked.get("page"))


def _problem(name: str, text: str) -> Problem:
    return Problem(path=f"?{name}", text=text, code="value")
