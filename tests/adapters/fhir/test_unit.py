"""The unit of work: one transaction, one AuditEvent, nothing on failure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from adapters.fhir.memory import MemoryFhir
from adapters.fhir.unit import UnitOfWork, unit
from domain.envelope import CaseRef, Envelope, StepRef
from domain.errors import Conflict
from domain.json import Resource

RECORDED = datetime(2026, 5, 2, 11, 1, tzinfo=UTC)
CASE = "prior-authorization-1"


def patient(resource_id: str, **fields: object) -> Resource:
    return {"resourceType": "Patient", "id": resource_id, **fields}


def step(fhir: MemoryFhir, **options: Any) -> UnitOfWork:
    return unit(fhir, case=CASE, step="intake", recorded=RECORDED, **options)


async def audits(fhir: MemoryFhir) -> list[Resource]:
    return list((await fhir.search("AuditEvent", {})).matches)


def entities(event: Resource) -> list[tuple[str, str]]:
    return [(e["detail"][0]["valueString"], e["what"]["reference"]) for e in event["entity"][1:]]


async def test_what_was_read_is_asked_for_again_only_after_a_commit() -> None:
    fhir = MemoryFhir()
    async with step(fhir) as work:
        work.create(patient("a"))
    work = step(fhir)
    first = await work.read("Patient/a")
    async with step(fhir) as other:
        other.update(patient("a", active=True))
    assert await work.read("Patient/a") is first
    assert (await work.read("Patient/a/_history/2"))["active"] is True
    work.create(patient("b"))
    await work.commit()
    assert (await work.read("Patient/a"))["meta"]["versionId"] == "2"


async def test_reads_and_writes_make_one_audit_event() -> None:
    fhir = MemoryFhir()
    async with step(fhir) as work:
        work.create(patient("a"))
    async with step(fhir, actor="reviewer-7", role="reviewer", accessed=("Claim/9/_history/1",)) as work:
        found = await work.read("Patient/a")
        await work.search("Patient", {"_id": "a"})
        assert await work.read_many(["Patient/a", "Patient/none"]) == [found, None]
        work.update({**found, "active": True}, if_match="1")
        work.create(patient("b"))
    assert [r["meta"]["versionId"] for r in work.stored] == ["2", "1"]
    event = next(e for e in await audits(fhir) if e["action"] == "U")
    assert entities(event) == [
        ("read", "Claim/9/_history/1"),
        ("read", "Patient/a/_history/1"),
        ("created", "Patient/b"),
        ("updated", "Patient/a"),
    ]
    assert event["recorded"] == "2026-05-02T11:01:00.000+00:00"
    assert event["entity"][0]["what"]["identifier"]["value"] == CASE
    assert event["agent"][0]["who"]["identifier"]["value"] == "reviewer-7"
    assert event["agent"][0]["role"][0]["coding"][0]["code"] == "reviewer"
    assert len(event["agent"]) == 2


async def test_who_passed_it_on_is_named_between_the_person_and_the_engine() -> None:
    fhir = MemoryFhir()
    async with step(fhir, actor="reviewer-7", role="reviewer", passed_on_by="camunda-mirror") as work:
        work.create(patient("a"))
    (event,) = await audits(fhir)
    get_fhir_model_class("AuditEvent").model_validate(event)
    named = [(each["who"]["identifier"]["value"], each["requestor"]) for each in event["agent"]]
    assert named == [("reviewer-7", True), ("camunda-mirror", False), ("workflow-orchestration-engine", False)]


async def test_an_audit_event_holds_no_content() -> None:
    fhir = MemoryFhir()
    async with step(fhir) as work:
        work.create(patient("a", name=[{"family": "Secret"}]))
    async with step(fhir, audit_reads=True) as work:
        await work.read("Patient/a")
    assert "Secret" not in json.dumps(await audits(fhir))


async def test_reads_alone_are_left_for_the_next_step() -> None:
    fhir = MemoryFhir()
    async with step(fhir) as work:
        work.create(patient("a"))
    async with step(fhir) as work:
        await work.read("Patient/a")
    assert work.accessed == ("Patient/a/_history/1",)
    assert len(await audits(fhir)) == 1
    async with step(fhir, accessed=work.accessed) as later:
        later.create(patient("b"))
    assert later.accessed == ()
    assert any(("read", "Patient/a/_history/1") in entities(event) for event in await audits(fhir))


async def test_reads_alone_are_audited_when_asked() -> None:
    fhir = MemoryFhir()
    async with step(fhir) as work:
        work.create(patient("a"))
    async with step(fhir, audit_reads=True) as work:
        await work.read("Patient/a")
    assert sorted(e["action"] for e in await audits(fhir)) == ["C", "R"]


async def test_an_exception_discards_the_writes() -> None:
    async def fail() -> None:
        async with step(fhir) as work:
            work.create(patient("a"))
            raise RuntimeError

    fhir = MemoryFhir()
    with pytest.raises(RuntimeError):
        await fail()
    assert await audits(fhir) == []
    assert await fhir.read_many(["Patient/a"]) == [None]


async def test_a_conflict_writes_no_audit_event() -> None:
    async def create(*names: str) -> None:
        async with step(fhir) as work:
            for name in names:
                work.create(patient(name))

    fhir = MemoryFhir()
    await create("a")
    with pytest.raises(Conflict, match="exists"):
        await create("b", "a")
    assert len(await audits(fhir)) == 1


async def test_a_numbered_step_that_runs_again_is_audited_once() -> None:
    fhir = MemoryFhir()
    for _ in range(2):
        async with step(fhir, n=3) as work:
            work.update(patient("a", active=True))
    async with step(fhir, n=4) as work:
        work.update(patient("a", active=False))
    assert [e["meta"]["versionId"] for e in await audits(fhir)] == ["1", "1"]


async def test_an_activity_may_commit_before_it_ends() -> None:
    fhir = MemoryFhir()
    envelope = Envelope(
        case=CaseRef(id=CASE, workflow="prior-authorization", version="1", record="Task/1"),
        step=StepRef(id="open-case", n=1),
        at=RECORDED,
        accessed=("Claim/9/_history/1",),
    )
    for _ in range(2):
        work = UnitOfWork.of(fhir, envelope)
        for active in (True, False):
            work.update(patient("a", active=active))
            [stored] = await work.commit()
        assert await work.finish() == ()
    assert stored["active"] is False
    assert len(await audits(fhir)) == 2


async def test_a_search_takes_every_page() -> None:
    fhir = MemoryFhir()
    async with step(fhir) as work:
        for name in "abcde":
            work.create(patient(name))
    found = await step(fhir).search("Patient", {"_count": "2"})
    assert sorted(r["id"] for r in found) == list("abcde")
