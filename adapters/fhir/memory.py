"""A FHIR server in memory, for tests: the behaviour of the real one, without its process.

One contract suite runs on both (tests/adapters/fhir). What differs: this one finds a reference whose target does not
exist, and checks of a resource no more than type and id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import uuid4

from adapters.fhir import matching
from adapters.fhir.base import Entry, Page
from adapters.fhir.bundles import check
from adapters.fhir.pages import foreign_token
from adapters.fhir.references import parse
from domain.errors import Conflict, Defect, NotFound
from domain.json import Resource

Versions = list[Resource | None]
"""Oldest first; ``None`` where the resource was deleted."""

_ORDER: Final = {"DELETE": 0, "POST": 1, "PUT": 2, "GET": 3}
"""https://hl7.org/fhir/R4/http.html#trules"""
_PAGE_SIZE: Final = 50
_MAX_PAGE_SIZE: Final = 500


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MemoryFhir:
    """``Fhir`` in memory. ``now`` gives ``meta.lastUpdated``."""

    def __init__(self, now: Callable[[], datetime] = _utc_now) -> None:
        self._now = now
        self._store: dict[str, Versions] = {}
        self._pages: dict[tuple[str, str], tuple[str, dict[str, list[str]], int]] = {}
        """What a token and its scope stand for."""

    async def read(self, reference: str) -> Resource:
        """See ``Fhir.read``."""
        return deepcopy(self._read(reference))

    async def read_many(self, references: Sequence[str]) -> list[Resource | None]:
        """See ``Fhir.read_many``."""
        return [self._read_or_none(reference) for reference in references]

    async def history(self, reference: str) -> list[Resource]:
        """See ``Fhir.history``."""
        versions = self._store.get(parse(reference).current)
        if versions is None:
            raise NotFound("resource", "no such resource")
        return [deepcopy(version) for version in reversed(versions) if version is not None]

    async def search(self, resource_type: str, parameters: Mapping[str, str | Sequence[str]], scope: str = "") -> Page:
        """See ``Fhir.search``."""
        lists = {key: [value] if isinstance(value, str) else list(value) for key, value in parameters.items()}
        return self._search(resource_type, lists, 0, scope)

    async def next_page(self, token: str, scope: str = "") -> Page:
        """See ``Fhir.next_page``."""
        if (token, scope) not in self._pages:
            raise foreign_token()
        return self._search(*self._pages[token, scope], scope)

    async def transaction(self, entries: Sequence[Entry]) -> list[Resource]:
        """See ``Fhir.transaction``. Runs without awaiting, so that it is alone."""
        before = {key: list(versions) for key, versions in self._store.items()}
        results: dict[int, Resource] = {}
        try:
            for index in sorted(range(len(entries)), key=lambda i: _ORDER[entries[i].method]):
                results[index] = self._apply(entries[index])
        except Exception:
            self._store = before
            raise
        return [deepcopy(results[index]) for index in range(len(entries))]

    async def ready(self) -> None:
        """Always."""

    async def aclose(self) -> None:
        """Nothing to close."""

    def _read(self, reference: str) -> Resource:
        literal = parse(reference)
        versions = self._store.get(literal.current, [])
        wanted = literal.version or str(len(versions))
        for number, version in enumerate(versions, start=1):
            if str(number) == wanted and version is not None:
                return version
        raise NotFound("resource", f"{literal.type}: no such resource")

    def _read_or_none(self, reference: str) -> Resource | None:
        try:
            return deepcopy(self._read(reference))
        except NotFound:
            return None

    def _apply(self, entry: Entry) -> Resource:
        if entry.method == "GET":
            return self._get(entry.url)
        if entry.method == "DELETE":
            versions = self._store.get(parse(entry.url).current)
            if versions and versions[-1] is not None:
                versions.append(None)
            return {}
        if entry.resource is None:
            raise Defect("fhir-refused", f"{entry.method} without a resource")
        if entry.method == "POST":
            return self._write(f"{entry.url}/{uuid4()}", entry.resource)
        check(entry)
        self._check_version(entry)
        return self._write(entry.url, entry.resource)

    def _get(self, url: str) -> Resource:
        if "?" not in url:
            return self._read(url)
        resource_type, _, query = url.partition("?")
        parameters: dict[str, list[str]] = {}
        for name, value in parse_qsl(query):
            parameters.setdefault(name, []).append(value)
        page = self._search(resource_type, parameters, 0, "")
        found = [{"resource": resource, "search": {"mode": "match"}} for resource in page.matches]
        return {"resourceType": "Bundle", "type": "searchset", "entry": found}

    def _check_version(self, entry: Entry) -> None:
        versions = self._store.get(parse(entry.url).current, [])
        exists = bool(versions) and versions[-1] is not None
        if entry.if_none_exist and exists:
            raise Conflict("exists", "a resource that shall be created exists")
        if entry.if_match is not None and entry.if_match != str(len(versions)):
            raise Conflict("stale", "a resource changed meanwhile; read it again")

    def _write(self, key: str, resource: Resource) -> Resource:
        resource_type, resource_id = key.split("/")
        if resource.get("resourceType") != resource_type:
            raise Defect("fhir-refused", "the type of the resource differs from the URL")
        versions = self._store.setdefault(key, [])
        if versions and versions[-1] is not None and _content(versions[-1]) == _content(resource):
            return versions[-1]
        meta = dict(resource.get("meta", {}))
        meta["versionId"] = str(len(versions) + 1)
        meta["lastUpdated"] = self._now().astimezone(UTC).isoformat(timespec="milliseconds")
        stored = {**deepcopy(resource), "id": resource_id, "meta": meta}
        versions.append(stored)
        return stored

    def _search(self, resource_type: str, parameters: dict[str, list[str]], offset: int, scope: str) -> Page:
        criteria = dict(parameters)
        includes = criteria.pop("_include", [])
        sort = criteria.pop("_sort", [""])[0]
        count = min(int(criteria.pop("_count", [str(_PAGE_SIZE)])[0]), _MAX_PAGE_SIZE)
        counted = criteria.pop("_total", ["none"])[0] == "accurate"
        for key in criteria:
            matching.check(resource_type, key)
        found = [r for r in self._current(resource_type) if self._fits(r, criteria)]
        for name in reversed([name for name in sort.split(",") if name]):
            _sort(found, name)
        page = found[offset : offset + count]
        more = offset + count < len(found)
        token = self._token(resource_type, parameters, offset + count, scope) if more else None
        included = [r for r in self._included(page, includes) if r not in page]
        return Page(tuple(deepcopy(page)), tuple(deepcopy(included)), len(found) if counted else None, token)

    def _current(self, resource_type: str) -> list[Resource]:
        newest = [versions[-1] for versions in self._store.values() if versions]
        return [r for r in newest if r is not None and r["resourceType"] == resource_type]

    def _fits(self, resource: Resource, criteria: Mapping[str, Sequence[str]]) -> bool:
        wanted = [(key, value) for key, values in criteria.items() for value in values]
        return all(matching.matches(resource, key, value, self._read) for key, value in wanted)

    def _included(self, page: Sequence[Resource], includes: Sequence[str]) -> list[Resource]:
        found: dict[str, Resource] = {}
        for resource in page:
            for name in includes:
                definition = matching.parameter(resource["resourceType"], name.split(":")[1])
                for element in matching.values(resource, definition):
                    target = self._read_or_none(element.get("reference", ""))
                    if target is not None:
                        found[f"{target['resourceType']}/{target['id']}"] = target
        return list(found.values())

    def _token(self, resource_type: str, parameters: dict[str, list[str]], offset: int, scope: str) -> str:
        token = uuid4().hex
        self._pages[token, scope] = (resource_type, parameters, offset)
        return token


def _content(resource: Resource) -> dict[str, Any]:
    """What a write compares: all but id, version and time."""
    meta = {k: v for k, v in resource.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
    return {**{k: v for k, v in resource.items() if k not in ("id", "meta")}, "meta": meta}


def _sort(found: list[Resource], name: str) -> None:
    """Sort in place and stable; what has no value comes last in both directions."""
    key = name.removeprefix("-")
    present = [r for r in found if matching.sort_key(r, key)[0] == 0]
    absent = [r for r in found if matching.sort_key(r, key)[0] == 1]
    present.sort(key=lambda r: matching.sort_key(r, key)[1], reverse=name.startswith("-"))
    found[:] = present + absent
