"""Two things at one moment: nobody's write is lost, nothing is decided twice, no case dies of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.fhir.base import Entry
from domain.cases import CaseState, case_task_id
from domain.json import Resource
from host.model import Status
from orchestrators.steps import LATER
from tests.support.samples import attachment, request
from tests.support.world import DIRECTOR, NURSE, OTHER_DIRECTOR, START, SUBMITTER, World, case_of

DENY = {"decision": "deny", "reason": "criteria-not-met"}
DUE = datetime(2026, 12, 1, 4, 59, 59, tzinfo=UTC)
VALUE = {"valueQuantity": {"value": 84, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}
REVIEWED, ASKED = request("denied-by-medical-director"), request("information-requested")
Writes = Callable[[Sequence[Entry]], Awaitable[list[Resource]]]


def overtake(app: World, kind: str, meanwhile: Callable[[Writes], Awaitable[None]]) -> None:
    """Have ``meanwhile`` write before the next transaction that writes a ``kind`` gets through."""
    write = app.fhir.transaction

    async def overtaken(entries: Sequence[Entry]) -> list[Resource]:
        if any(entry.url.startswith(kind) for entry in entries):
            app.fhir.transaction = write  # type: ignore[method-assign]
            await meanwhile(write)
        return await write(entries)

    app.fhir.transaction = overtaken  # type: ignore[method-assign]


async def _submitted(app: World, bundle: dict[str, Any]) -> str:
    await app.submit(bundle)
    await app.settle()
    return case_of(bundle)


async def test_of_two_decisions_one_counts(app: World) -> None:
    case = await _submitted(app, REVIEWED)
    path = f"/tasks/{await app.task(case)}/decision"
    replies = await asyncio.gather(
        app.send("POST", path, DENY, who=DIRECTOR), app.send("POST", path, {"decision": "approve"}, who=OTHER_DIRECTOR)
    )
    assert sorted(reply.status for reply in replies) == [200, 409]
    await app.settle()
    assert (await app.status(case)).status is Status.COMPLETED
    assert len(await app.fhir.history((await app.record(case)).response)) == 2


async def test_an_escalation_that_meets_a_claim_comes_later_and_leaves_the_claim(app: World) -> None:
    case = await _submitted(app, REVIEWED)
    task = await app.task(case)

    async def claim(write: Writes) -> None:
        found = await app.fhir.read(f"Task/{task}")
        await write([Entry("PUT", f"Task/{task}", {**found, "status": "in-progress"})])

    half = START + (DUE - START) / 2
    await app.advance_to(half - timedelta(seconds=1))
    overtake(app, "Communication/", claim)
    await app.advance(minutes=5)
    assert await app.escalations() == []
    await app.advance_to(half + LATER[0])
    assert [code for code, _ in await app.escalations()] == ["clock-50"]
    found = await app.fhir.read(f"Task/{task}")
    assert (found["status"], found["priority"]) == ("in-progress", "urgent")


async def test_what_is_sent_at_the_moment_of_the_expiry_is_kept(app: World) -> None:
    case = await _submitted(app, REVIEWED)
    record = f"Task/{case_task_id(case)}"

    async def send(write: Writes) -> None:
        found = await app.fhir.read(record)
        await write([Entry("PUT", record, {**found, "note": [{"text": "written by a door"}]})])

    await app.advance_to(DUE - timedelta(seconds=1))
    overtake(app, record, send)
    await app.advance_to(DUE + LATER[0])
    assert (await app.record(case)).state is CaseState.DEEMED
    assert (await app.fhir.read(record))["note"] == [{"text": "written by a door"}]
    assert await app.notices(case) == ["deemed"]


async def test_what_is_sent_just_before_the_wait_ends_is_assessed(app: World) -> None:
    """Stored a second before the provider's time is up; the event is never raised."""
    case = await _submitted(app, ASKED)
    await app.advance(hours=72, seconds=-1)
    tracking = (await app.record(case)).tracking_number
    await app.host.durable.hub.suspend(case)
    sent = attachment(tracking, "59408-5", VALUE)
    assert (await app.send("POST", "/fhir/$submit-attachment", sent, who=SUBMITTER)).status == 200
    await app.advance(seconds=2)
    await app.host.durable.hub.resume(case)
    await app.settle()
    assert (await app.record(case)).state is CaseState.APPROVED


async def test_a_decision_that_comes_while_the_expiry_is_recorded_is_not_missed(app: World) -> None:
    """No round of the wait is open at that moment: the event goes to one that is over."""
    case = await _submitted(app, REVIEWED)
    path, loop = f"/tasks/{await app.task(case)}/decision", asyncio.get_running_loop()

    async def decide(write: Writes) -> None:
        sent = asyncio.run_coroutine_threadsafe(app.send("POST", path, {"decision": "approve"}, who=NURSE), loop)
        assert (await asyncio.wrap_future(sent)).status == 200

    await app.advance_to(DUE - timedelta(seconds=1))
    overtake(app, f"Task/{case_task_id(case)}", decide)
    await app.advance(seconds=2)
    await app.settle()
    assert (await app.status(case)).status is Status.COMPLETED
    assert (await app.record(case)).state is CaseState.APPROVED
    assert await app.notices(case) == ["decided"], "the decision overtook the notice of the expiry"
