"""A unit of work: what one step reads, and everything that it writes in one transaction with its AuditEvent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Self

from adapters.fhir.audit import SYSTEM, Occasion, audit_event
from adapters.fhir.base import Entry, Fhir, Page
from domain.case import resource_id
from domain.envelope import Envelope
from domain.fhir_write import Write
from domain.json import Resource


class UnitOfWork:
    """Reads through, collects writes, and commits them all with one AuditEvent.

    ``commit`` writes at once and ``stored`` then holds the versions; ``finish``, or the end of an ``async with`` block,
    commits what is left. Without a write nothing is committed: ``accessed`` then names what was read, for the next
    writing step to audit (unless ``audit_reads`` asks for an AuditEvent of the reads alone). A block that ends with an
    exception discards its writes.
    """

    def __init__(
        self,
        fhir: Fhir,
        occasion: Occasion,
        *,
        n: int | None = None,
        accessed: Sequence[str] = (),
        audit_reads: bool = False,
    ) -> None:
        self._fhir = fhir
        self._occasion = occasion
        self._n = n
        self._audit_reads = audit_reads
        self._accessed = dict.fromkeys(accessed)
        self._known: dict[str, Resource] = {}
        self._writes: list[Write] = []
        self._commits = 0
        self.stored: tuple[Resource, ...] = ()
        """The stored resource of each write of the last commit, in order, with its version."""

    @classmethod
    def of(cls, fhir: Fhir, envelope: Envelope) -> Self:
        """The unit of work of an activity: a retry writes what the first try wrote."""
        occasion = Occasion(envelope.actor, None, envelope.case.id, envelope.step.id, envelope.at)
        return cls(fhir, occasion, n=envelope.step.n, accessed=envelope.accessed)

    @property
    def accessed(self) -> tuple[str, ...]:
        """References that were read and that no AuditEvent names yet."""
        return tuple(self._accessed)

    async def read(self, reference: str) -> Resource:
        """``Fhir.read``, remembered: until a commit, what was read once is not asked for again."""
        if reference not in self._known:
            self._known[reference] = self._seen(await self._fhir.read(reference))
        return self._known[reference]

    async def read_many(self, references: Sequence[str]) -> list[Resource | None]:
        """``Fhir.read_many``, remembered."""
        found = await self._fhir.read_many(references)
        return [resource and self._seen(resource) for resource in found]

    async def search(self, resource_type: str, parameters: Mapping[str, str | Sequence[str]]) -> tuple[Resource, ...]:
        """Every match, from all pages, remembered."""
        page = await self.search_page(resource_type, parameters)
        found = page.matches
        while page.next is not None:
            page = await self.next_page(page.next)
            found += page.matches
        return found

    async def search_page(
        self, resource_type: str, parameters: Mapping[str, str | Sequence[str]], scope: str = ""
    ) -> Page:
        """``Fhir.search``, remembered."""
        return self._page(await self._fhir.search(resource_type, parameters, scope))

    async def next_page(self, token: str, scope: str = "") -> Page:
        """``Fhir.next_page``, remembered."""
        return self._page(await self._fhir.next_page(token, scope))

    def about(self, case: str) -> None:
        """Name the case, where only what was read tells it."""
        self._occasion = replace(self._occasion, case=case)

    def put(self, write: Write) -> None:
        """Write with the transaction of this unit."""
        self._writes.append(write)

    def create(self, resource: Resource) -> None:
        """Write a resource that must not exist; the transaction fails with ``Conflict('exists')`` when it does."""
        self.put(Write(resource))

    def update(self, resource: Resource, if_match: str | None = None) -> None:
        """Write a version, if ``if_match`` is current; else the transaction fails with ``Conflict('stale')``."""
        self.put(Write(resource, if_none_exist=False, if_match=if_match))

    async def finish(self) -> tuple[str, ...]:
        """Commit what is left; returns what was read and is not audited."""
        if self._writes or (self._audit_reads and self._accessed):
            await self.commit()
        return self.accessed

    async def commit(self) -> tuple[Resource, ...]:
        """Write everything collected so far in one transaction; returns ``stored``."""
        entries = [
            Entry("PUT", write.url, write.resource, if_none_exist=write.if_none_exist, if_match=write.if_match)
            for write in self._writes
        ]
        self.stored = tuple((await self._fhir.transaction([*entries, self._audit()]))[: len(entries)])
        self._commits += 1
        self._accessed.clear()
        self._known.clear()
        self._writes.clear()
        return self.stored

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            await self.finish()

    def _audit(self) -> Entry:
        """By number of step it is a PUT: a step that runs again rewrites its own AuditEvent and adds none."""
        created = [write.url for write in self._writes if write.if_none_exist]
        updated = [write.url for write in self._writes if not write.if_none_exist]
        event = audit_event(self._occasion, list(self._accessed), created, updated)
        if self._n is None:
            return Entry("POST", "AuditEvent", event)
        event_id = resource_id(self._occasion.case, f"audit/{self._occasion.step}/{self._n}/{self._commits}")
        return Entry("PUT", f"AuditEvent/{event_id}", {**event, "id": event_id})

    def _page(self, page: Page) -> Page:
        for resource in (*page.matches, *page.included):
            self._seen(resource)
        return page

    def _seen(self, resource: Resource) -> Resource:
        version = resource["meta"]["versionId"]
        self._accessed[f"{resource['resourceType']}/{resource['id']}/_history/{version}"] = None
        return resource


def unit(
    fhir: Fhir,
    *,
    case: str,
    step: str,
    recorded: datetime,
    actor: str = SYSTEM,
    role: str | None = None,
    n: int | None = None,
    accessed: Sequence[str] = (),
    audit_reads: bool = False,
    passed_on_by: str | None = None,
) -> UnitOfWork:
    """The unit of work of ``step`` of ``case`` outside of an activity.

    ``recorded`` is the caller's time. ``n`` is the number of the step in its case: with it the AuditEvent has an id of
    its own and is written once, without it every commit adds one. ``accessed`` are references that earlier steps read
    and nobody audited. ``passed_on_by``: the principal that brings what ``actor`` decided elsewhere.
    """
    occasion = Occasion(actor, role, case, step, recorded, passed_on_by)
    return UnitOfWork(fhir, occasion, n=n, accessed=accessed, audit_reads=audit_reads)
