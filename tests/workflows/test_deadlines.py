"""The regulatory clock of a case on the virtual clock: escalations, expiry, clock changes, tolling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.cases import CaseState
from host.model import Status
from host.options import Compat
from host.store.sqlite import SqliteStore
from tests.support.crashes import crash_before
from tests.support.samples import attachment, request
from tests.support.world import DIRECTOR, START, World, case_of, world

REVIEWED = "denied-by-medical-director"
DUE = datetime(2026, 12, 1, 4, 59, 59, tzinfo=UTC)
"""Last second of the seventh day after receipt, in New York."""
DENY = {"decision": "deny", "reason": "criteria-not-met"}
LATE = {"valueQuantity": {"value": 95, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}


def _share(start: datetime, due: datetime, percent: int) -> datetime:
    return start + (due - start) * percent / 100


def _escalated(start: datetime, due: datetime) -> list[tuple[str, datetime]]:
    """As FHIR keeps instants: to the millisecond."""
    shares = [(f"clock-{percent}", _share(start, due, percent)) for percent in (50, 75, 90)]
    return [(code, at.replace(microsecond=at.microsecond // 1000 * 1000)) for code, at in shares]


async def _submitted(app: World, **changes: Any) -> str:
    bundle = request(REVIEWED, **changes)
    assert (await app.submit(bundle)).actions == ["A4"]
    await app.settle()
    return case_of(bundle)


async def test_an_open_case_escalates_at_50_75_and_90_percent(app: World) -> None:
    case = await _submitted(app)
    assert (await app.custom(case))["due"] == DUE.isoformat()
    assert (await app.record(case)).due == DUE
    await app.advance_to(_share(START, DUE, 50) - timedelta(seconds=1))
    assert await app.escalations() == []
    await app.advance_to(DUE - timedelta(seconds=1))
    assert await app.escalations() == _escalated(START, DUE)
    task = await app.fhir.read(f"Task/{await app.task(case)}")
    assert task["priority"] == "stat"


async def test_expiry_is_recorded_and_told_and_is_no_denial(app: World) -> None:
    case = await _submitted(app)
    before = await app.response(case)
    await app.advance_to(DUE - timedelta(seconds=1))
    assert (await app.record(case)).state is CaseState.IN_REVIEW
    await app.advance(seconds=3)
    record = await app.record(case)
    assert (record.state, record.clock_row) == (CaseState.DEEMED, "CMS-0057-F-MA-STANDARD")
    assert (await app.escalations())[-1] == ("clock-100", DUE)
    assert await app.response(case) == before
    assert await app.notices(case) == ["deemed"]
    assert (await app.custom(case))["waitingFor"] == "reviewer"


async def test_a_late_decision_still_counts(app: World) -> None:
    case = await _submitted(app)
    await app.advance(days=30)
    assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
    assert (await app.record(case)).state is CaseState.DENIED
    assert await app.notices(case) == ["deemed", "decided"]
    assert len(await app.escalations()) == 4


async def test_a_late_question_leaves_the_case_deemed(app: World) -> None:
    case = await _submitted(app)
    await app.advance_to(DUE + timedelta(hours=1))
    asked = await app.decide(case, {"decision": "request-information", "information": ["34109-9"]})
    assert asked.status == 200
    assert (await app.record(case)).state is CaseState.DEEMED
    await app.advance(hours=73)
    assert (await app.custom(case))["waitingFor"] == "reviewer"
    assert (await app.record(case)).state is CaseState.DEEMED


async def test_a_decision_in_the_last_minute_is_in_time(app: World) -> None:
    case = await _submitted(app)
    await app.advance_to(DUE - timedelta(seconds=30))
    assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
    await app.advance(days=2)
    assert (await app.status(case)).status is Status.COMPLETED
    assert (await app.record(case)).state is CaseState.DENIED
    assert await app.notices(case) == ["decided"]


async def test_a_decided_case_leaves_no_timer(app: World) -> None:
    case = await _submitted(app)
    assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
    ended = (await app.status(case)).updated
    await app.advance(days=40)
    assert await app.escalations() == []
    assert (await app.status(case)).updated == ended


@pytest.mark.parametrize(
    ("received", "due"),
    [
        (datetime(2026, 10, 30, 19, 0, tzinfo=UTC), datetime(2026, 11, 2, 19, 0, tzinfo=UTC)),
        (datetime(2027, 3, 12, 20, 0, tzinfo=UTC), datetime(2027, 3, 15, 20, 0, tzinfo=UTC)),
    ],
    ids=["autumn", "spring"],
)
async def test_72_hours_are_72_hours_over_a_clock_change(compat: Compat, received: datetime, due: datetime) -> None:
    async with world(compat=compat, start=received) as app:
        case = await _submitted(app, priority="stat")
        assert (await app.custom(case))["due"] == due.isoformat()
        await app.advance_to(due - timedelta(seconds=1))
        assert await app.escalations() == _escalated(received, due)
        assert (await app.record(case)).state is CaseState.IN_REVIEW
        await app.advance(seconds=1)
        assert (await app.record(case)).state is CaseState.DEEMED


@pytest.mark.parametrize(
    ("received", "due"),
    [
        (datetime(2026, 10, 30, 19, 0, tzinfo=UTC), datetime(2026, 11, 7, 4, 59, 59, tzinfo=UTC)),
        (datetime(2027, 3, 12, 20, 0, tzinfo=UTC), datetime(2027, 3, 20, 3, 59, 59, tzinfo=UTC)),
    ],
    ids=["autumn", "spring"],
)
async def test_seven_days_end_at_local_midnight(compat: Compat, received: datetime, due: datetime) -> None:
    async with world(compat=compat, start=received) as app:
        case = await _submitted(app)
        assert (await app.custom(case))["due"] == due.isoformat()


async def test_a_commercial_clock_stands_still_while_information_is_missing(app: World) -> None:
    bundle = request("information-requested", member="M1000002")
    await app.submit(bundle)
    case = case_of(bundle)
    await app.settle()
    due = datetime(2026, 11, 28, 4, 59, 59, tzinfo=UTC)
    assert (await app.custom(case))["due"] == due.isoformat(), "three business days, Thanksgiving is none"
    await app.advance(days=30)
    assert await app.escalations() == []
    assert (await app.record(case)).state is CaseState.INFORMATION_REQUESTED
    sent = attachment((await app.record(case)).tracking_number, "59408-5", LATE)
    assert (await app.send("POST", "/fhir/$submit-attachment", sent, who="lakeside-ehr")).status == 200
    await app.settle()
    paused = timedelta(days=30)
    assert (await app.custom(case))["due"] == (due + paused).isoformat()
    await app.advance_to(due + paused - timedelta(seconds=1))
    assert await app.escalations() == [(code, at + paused) for code, at in _escalated(START, due)]
    await app.advance(seconds=2)
    assert (await app.record(case)).state is CaseState.OVERDUE
    assert (await app.record(case)).clock_row == "STATE-NY-COMMERCIAL-STANDARD"


async def test_a_policy_that_deems_nothing_leaves_the_case_overdue(app: World) -> None:
    """Commercial: that the plan is late is all that the passing of the deadline means."""
    case = await _submitted(app, member="M1000002")
    due = datetime(2026, 11, 28, 4, 59, 59, tzinfo=UTC)
    await app.advance_to(due + timedelta(seconds=2))
    record = await app.record(case)
    assert (record.state, record.clock_row) == (CaseState.OVERDUE, "STATE-NY-COMMERCIAL-STANDARD")
    assert (record.status, record.appeal_until) == ("in-progress", None)
    assert (await app.escalations())[-1] == ("clock-100", due)
    assert await app.notices(case) == ["overdue"]
    listed = (await app.send("GET", "/cases?state=overdue", who=DIRECTOR)).json["items"]
    assert [each["id"] for each in listed] == [case]
    ask = {"decision": "request-information", "information": ["34109-9"]}
    assert (await app.decide(case, ask)).status == 200
    assert (await app.record(case)).state is CaseState.OVERDUE, "a late question changes nothing"
    await app.advance(days=46)
    assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
    assert (await app.record(case)).state is CaseState.DENIED


async def test_what_fell_due_before_the_clock_stood_still_is_still_owed(app: World) -> None:
    """The escalation was tried in vain when the reviewer asked."""
    case = await _submitted(app, member="M1000002")
    half = _share(START, datetime(2026, 11, 28, 4, 59, 59, tzinfo=UTC), 50)
    app.host.durable.fail("escalate", 1, RuntimeError("unavailable:fhir"))
    await app.advance_to(half + timedelta(minutes=5))
    assert await app.escalations() == []
    ask = {"decision": "request-information", "information": ["34109-9"]}
    assert (await app.decide(case, ask)).status == 200
    await app.advance(days=10)
    assert [code for code, _ in await app.escalations()] == ["clock-50"]
    assert (await app.record(case)).state is CaseState.INFORMATION_REQUESTED


async def test_no_timer_is_longer_than_five_days(app: World) -> None:
    case = await _submitted(app)
    await app.advance(days=20)
    created = [e for e in (await app.host.durable.record(case))["history"] if e["EventType"] == 10]
    hops = [datetime.fromisoformat(e["FireAt"]) - datetime.fromisoformat(e["Timestamp"]) for e in created]
    assert len(hops) > 5
    assert max(hops) == timedelta(days=5)
    assert app.races


async def test_a_case_that_is_decided_too_late_at_once_is_deemed_first(app: World) -> None:
    """Stored, and the engine was down for eight days: rules approve, and the expiry does not undo that."""
    bundle = request("approved-at-once")
    with crash_before("start"):
        await app.submit(bundle)
    await app.advance(days=8)
    assert (await app.submit(bundle)).actions == ["A1"]
    case = case_of(bundle)
    await app.settle()
    record = await app.record(case)
    assert (record.state, record.clock_row) == (CaseState.APPROVED, "CMS-0057-F-MA-STANDARD")
    assert await app.notices(case) == ["deemed", "decided"]
    assert (await app.status(case)).status is Status.COMPLETED


async def test_a_deadline_that_passes_while_a_step_is_tried_again_is_recorded(app: World) -> None:
    bundle = request("denied-by-medical-director")
    case = await _submitted(app)
    await app.advance_to(DUE - timedelta(minutes=1))
    app.host.durable.fail("take_decision", 8, RuntimeError("unavailable:fhir"))
    assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
    await app.advance(minutes=10)
    record = await app.record(case)
    assert (record.state, record.clock_row) == (CaseState.DENIED, "CMS-0057-F-MA-STANDARD")
    assert await app.notices(case) == ["deemed", "decided"]
    assert (await app.submit(bundle)).actions == ["A3"]


async def test_what_fell_due_while_the_host_was_down_is_done_when_it_is_back(compat: Compat, tmp_path: Path) -> None:
    path = tmp_path / "hub.sqlite"
    async with world(compat=compat, store=SqliteStore(path)) as before:
        case = await _submitted(before)
    back = DUE + timedelta(days=1)
    async with world(compat=compat, store=SqliteStore(path), start=back, after=before) as app:
        await app.settle()
        assert [code for code, _ in await app.escalations()] == ["clock-50", "clock-75", "clock-90", "clock-100"]
        assert (await app.record(case)).state is CaseState.DEEMED
        assert await app.notices(case) == ["deemed"]
        assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
        assert (await app.status(case)).status is Status.COMPLETED
        assert (await app.record(case)).state is CaseState.DENIED
