"""Others are told what happened to a case: each once, in order, in the form that the schemas promise."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from adapters.events.base import Record
from domain.cases import CaseState
from domain.events.catalog import BY_NAME, STEP, Topic
from domain.events.cloud_event import read_attributes, read_data
from domain.events.data import Decided, Received, StepReported
from host.model import Status
from orchestrators.steps import BACKOFF, QUIET
from tests.support.recordings import WAYS
from tests.support.samples import request
from tests.support.world import DIRECTOR, NURSE, OPERATOR, World, case_of, world

AUTOMATIC, REVIEWED, ASKED = (
    request(f"{name}") for name in ("approved-at-once", "pended-then-approved", "information-requested")
)
PATIENCE = sum(BACKOFF, timedelta())
START, REVIEW, QUESTION, LATE, END = "received", "pended", "information-requested", "expired", "decided"
TOLD = {
    "approved-at-once": [START, END],
    "ineligible-member-unknown": [START, END],
    "denied-by-medical-director": [START, REVIEW, END],
    "information-sent": [START, QUESTION, END],
    "information-that-never-came": [START, QUESTION, REVIEW, END],
    "a-reviewers-question": [START, REVIEW, QUESTION, REVIEW, END],
    "overdue-then-denied": [START, REVIEW, LATE, END],
    "overdue-then-appealed": [START, REVIEW, LATE],
    "open-review": [START, REVIEW],
    "parked-then-resumed": [START, END],
    "away-for-a-moment": [START, END],
    "coverage-ended-in-review": [START, REVIEW, END],
    "coverage-ended-while-information-was-awaited": [START, QUESTION, END],
    "log-away-then-resumed": [START, END],
    "log-away-while-reviewed": [START, REVIEW, LATE, END],
    "appeal-overturned": [START, REVIEW, END],
}


def events(app: World, case: str) -> list[Record]:
    """What was published of a case, in order."""
    return [record for record in app.events.records(Topic.EVENTS) if record.key == case.encode()]


def told(app: World, case: str) -> list[str]:
    return [read_attributes(record.headers).type.split(".")[1] for record in events(app, case)]


def data(record: Record) -> Any:
    return read_data(record.value, BY_NAME[read_attributes(record.headers).type].data)


@pytest.mark.parametrize("name", sorted(TOLD))
async def test_each_way_is_told(name: str) -> None:
    async with world(answer_seconds=0.2) as app:
        case = await WAYS[name](app)
        await app.settle()
        assert told(app, case) == TOLD[name]
        record = (await app.record(case)).reference
        attributes = [read_attributes(each.headers) for each in events(app, case)]
        assert len({each.id for each in attributes}) == len(attributes)
        for event, raw in zip(attributes, events(app, case), strict=True):
            kind = BY_NAME[event.type]
            assert (event.source, event.subject) == ("urn:workflow-engine:payer", record)
            assert (event.dataschema, event.time is not None) == (kind.schema, True)
            given = json.loads(raw.value or b"")
            assert kind.data.model_validate(given).model_dump(mode="json", exclude_none=True) == given
            assert (given["case"], given["record"]) == (case, record)


async def test_a_decision_is_told_as_it_was_recorded(app: World) -> None:
    case = case_of(AUTOMATIC)
    await app.submit(AUTOMATIC)
    await app.settle()
    received, decided = map(data, events(app, case))
    record, response = await app.record(case), await app.response(case)
    assert received == Received(
        case=case,
        record=record.reference,
        claim=record.claim,
        submitter="lakeside-clinic",
        line_of_business=record.line_of_business,
        urgency=record.urgency,
        received_at=record.received_at,
        due=record.due,
    )
    assert decided == Decided(
        case=case,
        record=record.reference,
        response=f"{record.response}/_history/{response['meta']['versionId']}",
        state="approved",
        source="rules",
        actions=("A1",),
        decided_at=response["created"],
    )


async def test_a_log_that_is_away_changes_nothing_for_the_provider(app: World) -> None:
    case = case_of(AUTOMATIC)
    app.events.answers = False
    assert (await app.submit(AUTOMATIC)).actions == ["A1"]
    await app.settle()
    assert await app.notices(case) == ["decided"]
    await app.advance(seconds=PATIENCE.total_seconds() + 1)
    assert (await app.custom(case))["detail"].startswith("events resumed:publish-received:")
    app.events.answers = True
    assert (await app.send("POST", f"/cases/{case}/resume", who=OPERATOR)).json["resumed"] == "publish-received"
    await app.settle()
    assert (await app.status(case)).status is Status.COMPLETED
    assert told(app, case) == [START, END]


async def test_a_short_absence_of_the_log_needs_nobody(app: World) -> None:
    case = case_of(AUTOMATIC)
    app.events.answers = False
    await app.submit(AUTOMATIC)
    await app.advance(seconds=3)
    app.events.answers = True
    await app.advance(seconds=5)
    assert (await app.status(case)).status is Status.COMPLETED
    assert told(app, case) == [START, END]


async def test_a_review_is_open_at_once_while_the_log_is_away(app: World) -> None:
    case = case_of(REVIEWED)
    app.events.answers = False
    assert (await app.submit(REVIEWED)).actions == ["A4"]
    await app.settle()
    assert (await app.custom(case))["waitingFor"] == "reviewer"
    await app.advance(days=4)
    assert [code for code, _ in await app.escalations()] == ["clock-50", "clock-75"]
    assert (await app.decide(case, {"decision": "approve"}, who=NURSE)).status == 200
    assert (await app.record(case)).state is CaseState.APPROVED
    assert await app.notices(case) == ["decided"]
    app.events.answers = True
    await app.advance(seconds=BACKOFF[0].total_seconds())
    assert told(app, case) == [START, REVIEW, END]


async def test_what_could_not_be_told_is_told_while_the_case_waits(app: World) -> None:
    case = case_of(REVIEWED)
    app.events.answers = False
    await app.submit(REVIEWED)
    await app.settle()
    app.events.answers = True
    await app.advance(seconds=QUIET[0].total_seconds() - 1)
    assert told(app, case) == []
    await app.advance(seconds=1)
    assert told(app, case) == [START, REVIEW]


async def test_the_provider_is_asked_at_once_while_the_log_is_away(app: World) -> None:
    case = case_of(ASKED)
    app.events.answers = False
    await app.submit(ASKED)
    await app.settle()
    assert await app.notices(case) == ["information-requested"]
    assert (await app.custom(case))["waitingFor"] == "provider"


async def test_a_case_that_is_run_again_after_its_end_tells_nothing() -> None:
    async with world(compat="azure") as app:  # which does run it again
        await app.submit(AUTOMATIC)
        await app.settle()
        record = (await app.record(case_of(AUTOMATIC))).reference
        await app.host.durable.run("prior-authorization", {"record": record}, case_of(AUTOMATIC))
        assert told(app, case_of(AUTOMATIC)) == [START, END]


async def test_each_step_is_hinted_at() -> None:
    async with world() as app:
        app.host.durable.fail("record_decision", 1, RuntimeError("unavailable:fhir"))
        await app.submit(AUTOMATIC)
        await app.advance(seconds=2)
        hints = [data(record) for record in app.events.records(Topic.STEPS)]
        assert {read_attributes(record.headers).type for record in app.events.records(Topic.STEPS)} == {STEP.name}
        case = case_of(AUTOMATIC)
        steps = {hint.step for hint in hints if hint.case == case}
        assert steps > {"open-case", "record-decision", "publish-received", "publish-decided", "close-case"}
        assert {hint.outcome for hint in hints} == {"completed"}
        assert all(isinstance(hint, StepReported) and hint.workflow == "prior-authorization" for hint in hints)


async def test_hints_can_be_turned_off_and_may_be_lost() -> None:
    async with world(process_events=False) as app:
        assert (await app.submit(AUTOMATIC)).actions == ["A1"]
        await app.settle()
        assert app.events.records(Topic.STEPS) == []
        assert told(app, case_of(AUTOMATIC)) == [START, END]


async def test_an_appeal_and_its_case_are_told_apart(app: World) -> None:
    case = await WAYS["appeal-overturned"](app)
    await app.settle()
    original = data(events(app, case)[0]).appeals
    assert told(app, original) == [START, REVIEW, END]
    assert [data(each).state for each in (events(app, original)[-1], events(app, case)[-1])] == ["denied", "approved"]
    assert DIRECTOR not in "".join(str(record.value) for record in app.events.records(Topic.EVENTS))
