"""Appeals: another reviewer, a deadline of their own, upheld or overturned."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from adapters.fhir.base import Entry
from domain import fhir
from domain.cases import CaseState
from domain.codes import TASK_CODE, TASK_INPUT, TaskCode
from domain.review import FINISHED
from host.model import Status
from tests.support.crashes import crash_before
from tests.support.samples import attachment, request
from tests.support.world import (
    DIRECTOR,
    NURSE,
    OPERATOR,
    OTHER_DIRECTOR,
    OTHER_SUBMITTER,
    SUBMITTER,
    Reply,
    World,
    case_of,
)
from tests.workflows.test_races import Writes, overtake

DENY = {"decision": "deny", "reason": "criteria-not-met"}
BUNDLE = request("denied-by-medical-director")
CASE = case_of(BUNDLE)
WINDOW = datetime(2027, 1, 28, 4, 59, 59, tzinfo=UTC)
"""Until when what is decided on the day of receipt can be appealed."""


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
    await _refused(app, await app.task(appeal))
    assert (await app.status(appeal)).status is Status.RUNNING


async def _refused(app: World, task: str) -> None:
    """The first reviewer, whatever is tried with the review of the appeal."""
    for path, body, who in (
        ("claim", None, DIRECTOR),
        ("decision", {"decision": "approve"}, DIRECTOR),
        ("assign", {"to": DIRECTOR}, OTHER_DIRECTOR),
    ):
        refused = await app.send("POST", f"/tasks/{task}/{path}", body, who=who)
        assert (refused.status, refused.code) == (403, "same-reviewer")


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
    assert [code for code, _ in await app.escalations()] == ["clock-50", "clock-75", "clock-90", "clock-100"]
    assert (await app.response(CASE))["item"], "the answer stays"


async def _deemed(app: World) -> str:
    """Id of the human task at which the case waits after its deadline."""
    await app.submit(BUNDLE)
    await app.advance(days=8)
    assert (await app.record(CASE)).state is CaseState.DEEMED
    return await app.task(CASE)


async def _ended(app: World) -> None:
    """The case ended as it stood: nothing of it is open, and no decision was recorded."""
    status = await app.status(CASE)
    assert (status.status, json.loads(status.output or "{}")["state"]) == (Status.COMPLETED, "superseded")
    record = await app.record(CASE)
    assert (record.state, record.superseded_by, record.ended) == (CaseState.DEEMED, (await _appeals(app))[0], True)
    parts = await app.all("Task", **{"part-of": record.reference})
    assert {part["status"] for part in parts if fhir.code(part["code"], TASK_CODE) != TaskCode.APPEAL} <= FINISHED


async def test_a_deemed_case_that_is_appealed_ends_as_it_stands(app: World) -> None:
    task = await _deemed(app)
    reply = await _appeal(app)
    assert (reply.status, reply.actions) == (202, ["A4"])
    await _ended(app)
    withdrawn = await app.fhir.read(f"Task/{task}")
    assert withdrawn["status"] == "cancelled"
    late = await app.send("POST", f"/tasks/{task}/decision", DENY, who=DIRECTOR)
    assert (late.status, late.code) == (409, "finished")
    assert (await app.send("GET", "/tasks?queue=clinical-review", who=NURSE)).json["items"] == []
    assert (await app.send("GET", "/queues/clinical-review", who=NURSE)).json["open"] == 0
    (appeal,) = await _appeals(app)
    assert (await app.decide(appeal, {"decision": "approve"}, who=NURSE)).status == 200
    assert (await app.submit(BUNDLE)).actions == ["A1"]
    assert await app.notices(CASE) == ["deemed"]
    assert (await app.record(CASE)).state is CaseState.DEEMED


async def test_a_deemed_case_that_waits_for_its_provider_ends_too(app: World) -> None:
    await _deemed(app)
    ask = {"decision": "request-information", "information": ["34109-9"]}
    assert (await app.decide(CASE, ask, who=DIRECTOR)).status == 200
    asked = await app.task(CASE)
    assert (await _appeal(app)).status == 202
    await _ended(app)
    assert (await app.fhir.read(f"Task/{asked}"))["status"] == "cancelled"
    sent = attachment((await app.record(CASE)).tracking_number, "34109-9", {"valueString": "x"})
    refused = await app.send("POST", "/fhir/$submit-attachment", sent, who=SUBMITTER)
    assert (refused.status, refused.code) == (409, "nothing-asked")
    (appeal,) = await _appeals(app)
    refused = await app.decide(appeal, {"decision": "approve"}, who=DIRECTOR)
    assert (refused.status, refused.code) == (403, "same-reviewer"), "who asked has looked at the case before"


async def test_a_parked_case_that_was_appealed_decides_nothing_when_it_goes_on(app: World) -> None:
    """Rules would approve what a person denies in the appeal."""
    bundle = request("approved-at-once")
    case = case_of(bundle)
    app.host.durable.fail("determine", 10, RuntimeError("unavailable:rules"))
    await app.submit(bundle)
    await app.advance(days=8)
    name = (await app.response(case))["id"]
    assert (await app.send("POST", f"/fhir/ClaimResponse/{name}/$appeal", who=SUBMITTER)).status == 202
    (appeal,) = await _appeals(app)
    assert (await app.decide(appeal, DENY, who=DIRECTOR)).status == 200
    assert (await app.send("POST", f"/cases/{case}/resume", who=OPERATOR)).status == 202
    await app.settle()
    assert json.loads((await app.status(case)).output or "{}")["state"] == "superseded"
    assert (await app.submit(bundle)).actions == ["A3"]
    assert await app.notices(case) == ["deemed"]


async def test_a_decision_that_is_being_recorded_is_appealed_when_it_is_there(app: World) -> None:
    await _deemed(app)
    with crash_before("raise_event"):
        assert (await app.decide(CASE, DENY, who=DIRECTOR)).status == 200
    early = await _appeal(app)
    assert (early.status, early.code) == (409, "deciding")
    assert await _appeals(app) == []


async def test_a_claim_at_the_moment_of_the_appeal_is_not_lost(app: World) -> None:
    task = await _deemed(app)

    async def claim(write: Writes) -> None:
        found = await app.fhir.read(f"Task/{task}")
        await write([Entry("PUT", f"Task/{task}", {**found, "status": "in-progress"})])

    overtake(app, "Task/", claim)
    early = await _appeal(app)
    assert (early.status, early.code) == (409, "changed")
    assert (await app.record(CASE)).superseded_by is None
    assert (await _appeal(app)).status == 202
    await _ended(app)


async def test_whoever_decided_the_case_by_now_may_not_review_its_appeal(app: World) -> None:
    """Whatever the review itself says."""
    appeal = await _denied_and_appealed(app)
    task = await app.fhir.read(f"Task/{await app.task(appeal)}")
    kept = [one for one in task["input"] if fhir.code(one["type"], TASK_INPUT) != "excluded-reviewer"]
    assert len(kept) == len(task["input"]) - 1
    task["input"] = kept
    await app.fhir.transaction([Entry("PUT", f"Task/{task['id']}", task)])
    await _refused(app, task["id"])


async def test_the_time_to_appeal_is_told_and_ends(app: World) -> None:
    await app.submit(BUNDLE)
    assert (await app.decide(CASE, DENY, who=DIRECTOR)).status == 200
    shown = (await app.send("GET", f"/cases/{CASE}", who=SUBMITTER)).json
    assert shown["appealUntil"] == WINDOW.isoformat(), "65 days after the day of the notice, in New York"
    await app.advance_to(WINDOW + timedelta(seconds=1))
    late = await _appeal(app)
    assert (late.status, late.code) == (409, "appeal-late")
    assert await _appeals(app) == []


async def test_an_appeal_in_the_last_second_is_in_time_and_can_be_asked_for_again(app: World) -> None:
    await app.submit(BUNDLE)
    assert (await app.decide(CASE, DENY, who=DIRECTOR)).status == 200
    await app.advance_to(WINDOW)
    assert (await _appeal(app)).status == 202
    await app.advance(days=2)
    assert (await _appeal(app)).status == 202, "it is filed already"
    (appeal,) = await _appeals(app)
    assert (await app.record(appeal)).appeal_until is None


async def test_the_time_to_appeal_runs_from_the_expiry_and_again_from_the_decision(app: World) -> None:
    await _deemed(app)
    assert (await app.record(CASE)).appeal_until == WINDOW + timedelta(days=7)
    assert (await app.decide(CASE, DENY, who=DIRECTOR)).status == 200
    assert (await app.record(CASE)).appeal_until == WINDOW + timedelta(days=8)


async def test_what_is_approved_late_has_no_time_to_appeal(app: World) -> None:
    await _deemed(app)
    assert (await app.decide(CASE, {"decision": "approve"})).status == 200
    assert (await app.record(CASE)).appeal_until is None


async def test_a_case_that_is_late_and_not_deemed_cannot_be_appealed(app: World) -> None:
    bundle = request("denied-by-medical-director", member="M1000002")
    case = case_of(bundle)
    await app.submit(bundle)
    await app.advance(days=8)
    assert (await app.record(case)).state is CaseState.OVERDUE
    name = (await app.response(case))["id"]
    refused = await app.send("POST", f"/fhir/ClaimResponse/{name}/$appeal", who=SUBMITTER)
    assert (refused.status, refused.code) == (409, "not-appealable")
    assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
    assert (await app.send("POST", f"/fhir/ClaimResponse/{name}/$appeal", who=SUBMITTER)).status == 202


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
    assert "communicationRequest" not in await app.response(CASE)


async def test_the_first_answer_stands_while_its_appeal_asks(app: World) -> None:
    appeal = await _denied_and_appealed(app)
    denied = await app.response(CASE)
    ask = {"decision": "request-information", "information": ["34109-9"]}
    assert (await app.decide(appeal, ask, who=OTHER_DIRECTOR)).status == 200
    reply = await app.submit(BUNDLE)
    assert reply.actions == ["A3"]
    assert reply.response["item"] == denied["item"]
    (asked,) = [e["resource"] for e in reply.json["entry"] if e["resource"]["resourceType"] == "CommunicationRequest"]
    assert asked["payload"] == [{"contentString": "34109-9"}]
    assert await app.notices(appeal) == ["information-requested"]


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
