"""The queue as the page shows it: a row a review, with who and what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.fhir.unit import UnitOfWork
from domain import fhir, review
from domain.facts import Urgency
from domain.json import Resource
from domain.pas import claim as claims
from triggers.pages.clinical import Person, person
from triggers.readable import readable


@dataclass(frozen=True, slots=True)
class Row:
    """One review of the queue."""

    id: str
    member: Person
    services: tuple[str, ...]
    urgency: Urgency
    due: datetime | None
    state: str | None
    owner: str | None
    queue: str | None


async def rows(work: UnitOfWork, tasks: Sequence[Resource]) -> list[Row]:
    """A row for each of ``tasks``, in their order. Reads their Claims, then their Patients: two requests."""
    named = {task["id"]: claim for task in tasks if (claim := readable(_focus, task))}
    tasks = [task for task in tasks if task["id"] in named]
    found = await work.read_many(list(named.values()))
    requested = [claim or {} for claim in found]
    patients = await work.read_many([fhir.reference(claim.get("patient")) or "" for claim in requested])
    return [_row(*each) for each in zip(tasks, requested, patients, strict=True)]


def _focus(task: Resource) -> str:
    return str(fhir.reference(task["focus"]))


def _row(task: Resource, claim: Resource, patient: Resource | None) -> Row:
    period = (task.get("restriction") or {}).get("period") or {}
    return Row(
        id=task["id"],
        member=person(patient),
        services=tuple(item.code or "no code" for item in claims.items(claim)),
        urgency=Urgency.EXPEDITED if task.get("priority") == "urgent" else Urgency.STANDARD,
        due=fhir.parse_instant(period.get("end")),
        state=fhir.code(task.get("businessStatus"), review.REVIEW_STATE),
        owner=review.owner(task),
        queue=fhir.code((task.get("performerType") or [{}])[0], review.QUEUE),
    )
