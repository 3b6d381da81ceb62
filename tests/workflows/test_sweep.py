"""Gaps that a crash leaves between FHIR and durable are closed once; the audit finds what nobody closes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from domain.cases import CaseState
from host.model import Status
from host.options import Compat
from host.store.sqlite import SqliteStore
from orchestrators.steps import BACKOFF
from tests.support.crashes import crash_before
from tests.support.samples import attachment, request
from tests.support.world import DIRECTOR, OTHER_DIRECTOR, SUBMITTER, World, case_of, world

AUTOMATIC, REVIEWED, ASKED = (
    request(name) for name in ("approved-at-once", "denied-by-medical-director", "information-requested")
)
DENY = {"decision": "deny", "reason": "criteria-not-met"}
VALUE = {"valueQuantity": {"value": 84, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}


@pytest.fixture
async def app(compat: Compat) -> AsyncIterator[World]:
    """The whole app with its timers."""
    async with world(compat=compat, timers=True, answer_seconds=0.2) as running:
        yield running


async def _swept(app: World) -> None:
    """One sweep more than the grace period needs: the second finds nothing to do."""
    await app.advance(minutes=3)


async def test_a_request_that_was_stored_and_not_started(app: World) -> None:
    case = case_of(AUTOMATIC)
    with crash_before("start"):
        assert (await app.submit(AUTOMATIC)).actions == ["A4"]
    received = (await app.record(case)).received_at
    assert await app.host.durable.hub.status(case) is None
    await _swept(app)
    assert (await app.status(case)).status is Status.COMPLETED
    record = await app.record(case)
    assert (record.state, record.received_at) == (CaseState.APPROVED, received)
    assert await app.notices(case) == ["decided"]
    assert len(await app.fhir.history(record.response)) == 2


async def test_a_fresh_request_is_left_to_its_door(app: World) -> None:
    await app.advance(seconds=58)
    case = case_of(AUTOMATIC)
    with crash_before("start"):
        await app.submit(AUTOMATIC)
    await app.advance(seconds=20)
    assert await app.host.durable.hub.status(case) is None, "within the grace period"


async def test_a_decision_that_was_stored_and_not_told(app: World) -> None:
    await app.submit(REVIEWED)
    case = case_of(REVIEWED)
    with crash_before("raise_event"):
        assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
    assert (await app.record(case)).state is CaseState.IN_REVIEW
    await _swept(app)
    assert (await app.record(case)).state is CaseState.DENIED
    assert await app.notices(case) == ["decided"]
    assert len(await app.fhir.history((await app.record(case)).response)) == 2


async def test_an_attachment_that_was_stored_and_not_told(app: World) -> None:
    await app.submit(ASKED)
    case = case_of(ASKED)
    await app.settle()
    sent = attachment((await app.record(case)).tracking_number, "59408-5", VALUE)
    with crash_before("raise_event"):
        assert (await app.send("POST", "/fhir/$submit-attachment", sent, who=SUBMITTER)).status == 200
    await _swept(app)
    assert (await app.record(case)).state is CaseState.APPROVED
    assert await app.notices(case) == ["information-requested", "decided"]


async def test_an_appeal_that_was_stored_and_not_started(app: World) -> None:
    await app.submit(REVIEWED)
    case = case_of(REVIEWED)
    await app.decide(case, DENY, who=DIRECTOR)
    name = (await app.response(case))["id"]
    with crash_before("start"):
        assert (await app.send("POST", f"/fhir/ClaimResponse/{name}/$appeal", who=SUBMITTER)).status == 202
    await _swept(app)
    (task,) = (await app.send("GET", "/tasks?queue=appeals", who=OTHER_DIRECTOR)).json["items"]
    assert (await app.decide(task["case"], {"decision": "approve"}, who=OTHER_DIRECTOR)).status == 200
    assert (await app.submit(REVIEWED)).actions == ["A1"]


async def test_an_appeal_that_took_a_case_over_and_did_not_tell_it(compat: Compat, tmp_path: Path) -> None:
    case, path = case_of(REVIEWED), tmp_path / "hub.sqlite"
    async with world(compat=compat, store=SqliteStore(path)) as crashed:
        await crashed.submit(REVIEWED)
        await crashed.advance(days=8)
        name = (await crashed.response(case))["id"]
        with crash_before("withdraw"):
            appealed = await crashed.send("POST", f"/fhir/ClaimResponse/{name}/$appeal", who=SUBMITTER)
        assert appealed.status == 202
        assert (await crashed.status(case)).status is Status.RUNNING
    back = crashed.clock.now()
    async with world(compat=compat, timers=True, store=SqliteStore(path), start=back, after=crashed) as app:
        await _swept(app)
        assert (await app.status(case)).status is Status.COMPLETED
        record = await app.record(case)
        assert (record.state, record.status) == (CaseState.DEEMED, "completed")
        ended = (await app.status(case)).updated
        await _swept(app)
        assert (await app.status(case)).updated == ended


async def test_a_decision_that_is_told_again_and_again_counts_once(app: World) -> None:
    """While a step fails the sweep raises the same decision each minute; later rounds are not mistaken for it."""
    await app.submit(REVIEWED)
    case = case_of(REVIEWED)
    app.host.durable.fail("take_decision", len(BACKOFF), RuntimeError("unavailable:fhir"))
    ask = {"decision": "request-information", "information": ["34109-9"]}
    assert (await app.decide(case, ask)).status == 200
    await app.advance(seconds=sum(BACKOFF, timedelta()).total_seconds() + 90)
    assert (await app.record(case)).state is CaseState.INFORMATION_REQUESTED
    sent = attachment((await app.record(case)).tracking_number, "34109-9", {"valueString": "x"})
    await app.send("POST", "/fhir/$submit-attachment", sent, who=SUBMITTER)
    await _swept(app)
    assert (await app.custom(case))["waitingFor"] == "reviewer", "the second round waits for its own decision"
    assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
    assert (await app.record(case)).state is CaseState.DENIED


async def test_a_case_without_an_instance_does_not_hold_up_the_others(app: World) -> None:
    lost, other = request("denied-by-medical-director", number="1"), request("denied-by-medical-director", number="2")
    for bundle in (lost, other):
        await app.submit(bundle)
        with crash_before("raise_event"):
            await app.decide(case_of(bundle), DENY, who=DIRECTOR)
    await app.host.durable.hub.terminate(case_of(lost))
    await app.settle()
    await app.host.durable.hub.purge(case_of(lost))
    await _swept(app)
    assert (await app.record(case_of(other))).state is CaseState.DENIED


async def _audited(app: World, caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    with caplog.at_level(logging.ERROR, "workflow.sweep"):
        run = await app.send("POST", "/admin/functions/audit_cases", {}, key=app.host.keys.master)
        assert run.status == 202
        await app.settle()
    return [record.getMessage().split(";")[0] for record in caplog.records if record.name == "workflow.sweep"]


async def test_the_audit_finds_what_is_open_without_instance_or_deadline(
    app: World, caplog: pytest.LogCaptureFixture
) -> None:
    healthy, ended, clockless = (request("denied-by-medical-director", number=n) for n in "123")
    for bundle in (healthy, ended):
        await app.submit(bundle)
    await app.settle()
    app.rules.available = False
    await app.submit(clockless)
    await app.host.durable.hub.terminate(case_of(ended))
    await app.advance(minutes=2)
    assert sorted(await _audited(app, caplog)) == sorted(
        [
            f"case {case_of(ended)}: is open and has no live instance",
            f"case {case_of(clockless)}: is open and has no deadline",
        ]
    )
    await app.advance(hours=1)
    assert f"case {case_of(clockless)}: is parked and waits for an operator" in await _audited(app, caplog)


async def test_the_audit_runs_every_night(caplog: pytest.LogCaptureFixture) -> None:
    async with world(timers=True) as app:
        await app.submit(REVIEWED)
        await app.settle()
        await app.host.durable.hub.terminate(case_of(REVIEWED))
        with caplog.at_level(logging.ERROR, "workflow.sweep"):
            await app.advance(hours=12, seconds=1)
    assert [record.name for record in caplog.records] == ["workflow.sweep"]
