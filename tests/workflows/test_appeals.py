"""Appeals: another reviewer, a deadline of their own, upheld or overturned."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.cases import CaseState
from domain.codes import TASK_CODE, TaskCode
from host.model import Status
from tests.support.samples import attachment, request
from tests.support.world import (
    DIRECTOR,
    NURSE,
    OTHER_DIRECTOR,
    OTHER_SUBMITTER,
    SUBMITTER,
    Reply,
    World,
    case_of,
)

DENY = {"decision": "deny", "reason": "criteria-not-met"}
BUNDLE = request("denied-by-medical-director")
CASE = case_of(BUNDLE)


async def _appeal(app: World, who: str = SUBMITTER) -> Reply:
    name = (await app.response(CASE))["id"]
    reply = await app.send("POST", f"/fhir/ClaimResponse/{name}/$appeal", who=who)
    await app.settle()
    return reply


async def _appeals(app: World) -> list[str]:
    records = await app.all("Task", code=f"{TASK_CODE}|{TaskCode.APPEAL}")
    return [record["identifier"][0]["value"] for record in records]


async def _denied_and_appealed(app: World) -> str:
    await app.submit(BUNDLE)
    assert (await app.decide(CASE, DENY, who=DIRECTOR)).status == 200
    reply = await _appeal(app)
    assert (reply.status, reply.actions) == (202, ["A3"])
    (appeal,) = await _appeals(app)
    return appeal


async def test_the_first_reviewer_may_not_decide_the_appeal(app: World) -> None:
    appeal = await _denied_and_appealed(app)
    task = await app.task(appeal)
    for path, body, who in (
        ("claim", None, DIRECTOR),
        ("decision", {"decision": "approve"}, DIRECTOR),
        ("assign", {"to": DIRECTOR}, OTHER_DIRECTOR),
    ):
        refused = await app.send("POST", f"/tasks/{task}/{path}", body, who=who)
        assert (refused.status, refused.code) == (403, "same-reviewer")
    assert (await app.status(appeal)).status is Status.RUNNING


@pytest.mark.parametrize(
    ("decision", "state", "actions"),
    [({"decision": "approve"}, CaseState.APPROVED, ["A1"]), (DENY, CaseState.DENIED, ["A3"])],
    ids=["overturned", "upheld"],
)
async def test_another_reviewer_decides(
    app: World, decision: dict[str, str], state: CaseState, actions: list[str]
) -> None:
    appeal = await _denied_and_appealed(app)
    listed = (await app.send("GET", "/tasks?queue=appeals", who=OTHER_DIRECTOR)).json["items"]
    assert [(task["case"], task["kind"]) for task in listed] == [(appeal, "appeal-review")]
    assert [each["criterion"] for each in listed[0]["findings"]] == ["MN-K0823-1", "MN-K0823-3"]
    assert [each["rule"] for each in listed[0]["requirements"]] == ["PA-K0823"]
    assert (await app.decide(appeal, decision, who=OTHER_DIRECTOR)).status == 200
    assert (await app.status(appeal)).status is Status.COMPLETED
    assert (await app.record(appeal)).state is state
    assert (await app.record(CASE)).state is CaseState.DENIED, "the first decision stays on record"
    assert (await app.submit(BUNDLE)).actions == actions
    assert await app.notices(appeal) == ["decided"]


async def test_an_appeal_has_its_own_deadline(app: World) -> None:
    appeal = await _denied_and_appealed(app)
    due = datetime(2026, 12, 24, 4, 59, 59, tzinfo=UTC)
    assert (await app.custom(appeal))["due"] == due.isoformat(), "thirty days"
    await app.advance_to(due)
    record = await app.record(appeal)
    assert (record.state, record.clock_row) == (CaseState.DEEMED, "MA-APPEAL-STANDARD")
    assert [code for code, _ in await app.escalations()] == ["clock-50", "clock-75", "clock-90"]
    assert (await app.response(CASE))["item"], "the answer stays"


async def test_an_overdue_case_can_be_appealed(app: World) -> None:
    await app.submit(BUNDLE)
    await app.advance(days=8)
    assert (await app.record(CASE)).state is CaseState.DEEMED
    assert (await _appeal(app)).status == 202
    (appeal,) = await _appeals(app)
    assert (await app.decide(appeal, {"decision": "approve"}, who=NURSE)).status == 200
    assert (await app.submit(BUNDLE)).actions == ["A1"]


async def test_information_for_an_appeal_is_asked_for_and_sent(app: World) -> None:
    appeal = await _denied_and_appealed(app)
    first = await app.task(appeal)
    ask = {"decision": "request-information", "information": ["34109-9"]}
    assert (await app.decide(appeal, ask, who=OTHER_DIRECTOR)).status == 200
    assert (await app.custom(appeal))["waitingFor"] == "provider"
    tracking = (await app.record(CASE)).tracking_number
    sent = attachment(tracking, "34109-9", {"valueString": "A report."})
    assert (await app.send("POST", "/fhir/$submit-attachment", sent, who=SUBMITTER)).status == 200
    await app.settle()
    assert await app.task(appeal) != first
    assert (await app.decide(appeal, {"decision": "approve"}, who=OTHER_DIRECTOR)).status == 200
    assert (await app.submit(BUNDLE)).actions == ["A1"]


async def test_the_same_appeal_twice_is_one(app: World) -> None:
    appeal = await _denied_and_appealed(app)
    assert (await _appeal(app)).status == 202
    assert await _appeals(app) == [appeal]


async def test_a_decided_appeal_is_the_last_word_here(app: World) -> None:
    appeal = await _denied_and_appealed(app)
    assert (await app.decide(appeal, {"decision": "approve"}, who=OTHER_DIRECTOR)).status == 200
    again = await _appeal(app)
    assert (again.status, again.code) == (409, "appealed")


async def test_what_was_approved_cannot_be_appealed(app: World) -> None:
    await app.submit(BUNDLE)
    early = await _appeal(app)
    assert (early.status, early.code) == (409, "not-appealable")
    assert (await app.decide(CASE, {"decision": "approve"})).status == 200
    late = await _appeal(app)
    assert (late.status, late.code) == (409, "not-appealable")


async def test_another_organization_cannot_appeal(app: World) -> None:
    await _denied_and_appealed(app)
    assert (await _appeal(app, who=OTHER_SUBMITTER)).status == 404
