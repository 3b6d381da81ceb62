"""The reviewers' work list: lists, claims, assignments, decisions and what each refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from adapters.fhir.base import Entry
from domain.errors import Unavailable
from domain.load import REVIEW_LOAD
from tests.support.samples import request
from tests.support.world import (
    AUDITOR,
    DIRECTOR,
    NURSE,
    OPERATOR,
    OTHER_DIRECTOR,
    SUBMITTER,
    Reply,
    World,
    case_of,
)
from triggers.instances import Instances

BUNDLE = request("denied-by-medical-director")
CASE = case_of(BUNDLE)
APPROVE = {"decision": "approve"}
DENY = {"decision": "deny", "reason": "criteria-not-met"}


async def _opened(door: World) -> str:
    await door.submit(BUNDLE)
    return await door.task(CASE)


async def _post(door: World, path: str, body: object = None, who: str = NURSE) -> Reply:
    reply = await door.send("POST", path, body, who=who)
    await door.settle()
    return reply


async def test_the_queue_is_sorted_by_remaining_clock_and_paged(door: World) -> None:
    urgent, late = request("denied-by-medical-director", number="2", priority="stat"), request("pended-then-approved")
    for bundle in (BUNDLE, urgent, late):
        await door.submit(bundle)
    await door.settle()
    first = (await door.send("GET", "/tasks?count=2", who=NURSE)).json
    assert [task["case"] for task in first["items"]] == [case_of(urgent), case_of(late)]
    rest = (await door.send("GET", f"/tasks?count=2&page={first['next']}", who=NURSE)).json
    assert [task["case"] for task in rest["items"]] == [CASE]
    assert rest["next"] is None
    backwards = (await door.send("GET", "/tasks?sort=-due", who=NURSE)).json["items"]
    assert [task["case"] for task in backwards] == [CASE, case_of(late), case_of(urgent)]
    assert (await door.send("GET", "/tasks?queue=appeals", who=NURSE)).json["items"] == []


async def test_a_task_tells_why_the_case_was_routed_and_what_the_criteria_say(door: World) -> None:
    task = (await door.send("GET", f"/tasks/{await _opened(door)}", who=NURSE)).json
    assert task["reasons"] == ["criterion-unmet"]
    assert {each["criterion"]: each["status"] for each in task["findings"]} == {
        "MN-K0823-1": "met",
        "MN-K0823-3": "unmet",
    }
    assert task["findings"][0]["sources"][0].startswith("QuestionnaireResponse/")
    assert task["requirements"] == [{"sequence": 1, "kind": "required", "rule": "PA-K0823"}]


@pytest.mark.parametrize(
    ("query", "place"),
    [("colour=red", "?colour"), ("sort=name", "?sort"), ("count=0", "?count"), ("count=many", "?count")],
)
@pytest.mark.parametrize("path", ["/tasks", "/cases"])
async def test_a_list_names_what_it_does_not_know(door: World, path: str, query: str, place: str) -> None:
    reply = await door.send("GET", f"{path}?{query}", who=OPERATOR)
    assert (reply.status, reply.code) == (400, "malformed")
    assert reply.headers["Content-Type"].startswith("application/problem+json")
    (error,) = reply.json["errors"]
    assert error["path"] == place
    assert "red" not in error["detail"]


async def test_a_page_token_of_somebody_else_is_refused(door: World) -> None:
    reply = await door.send("GET", "/tasks?page=made-up", who=NURSE)
    assert (reply.status, reply.code) == (400, "malformed")


async def test_who_sees_and_does_what(door: World) -> None:
    task = await _opened(door)
    for who, method, path, status in (
        (SUBMITTER, "GET", "/tasks", 403),
        (SUBMITTER, "GET", f"/tasks/{task}", 403),
        (SUBMITTER, "POST", f"/tasks/{task}/decision", 403),
        (AUDITOR, "GET", "/tasks", 200),
        (AUDITOR, "POST", f"/tasks/{task}/claim", 403),
        (OPERATOR, "POST", f"/tasks/{task}/decision", 403),
        (NURSE, "POST", f"/tasks/{task}/assign", 403),
    ):
        assert (await door.send(method, path, APPROVE, who=who)).status == status, (who, path)
    signed_out = await door.send("GET", "/tasks")
    assert (signed_out.status, signed_out.code) == (401, "signed-out")


async def test_a_claimed_task_is_one_persons(door: World) -> None:
    task = await _opened(door)
    assert (await _post(door, f"/tasks/{task}/claim")).json["owner"] == NURSE
    assert (await _post(door, f"/tasks/{task}/claim")).status == 200, "claiming twice is no error"
    taken = await _post(door, f"/tasks/{task}/claim", who=DIRECTOR)
    assert (taken.status, taken.code) == (409, "claimed")
    assert (await _post(door, f"/tasks/{task}/decision", DENY, who=DIRECTOR)).code == "claimed"
    given = await _post(door, f"/tasks/{task}/assign", {"to": DIRECTOR}, who=OPERATOR)
    assert (given.status, given.json["owner"]) == (200, DIRECTOR)
    assert (await _post(door, f"/tasks/{task}/decision", DENY, who=DIRECTOR)).status == 200


async def test_the_load_of_a_queue_is_counted(door: World) -> None:
    task = await _opened(door)
    await _post(door, f"/tasks/{task}/claim")
    load = await door.host.durable.hub.read_entity(REVIEW_LOAD, "clinical-review")
    assert load is not None
    assert load.state == f'{{"{task}": "{NURSE}"}}'
    await _post(door, f"/tasks/{task}/decision", APPROVE)
    load = await door.host.durable.hub.read_entity(REVIEW_LOAD, "clinical-review")
    assert load is not None
    assert load.state == "{}"


async def test_a_decision_on_a_finished_task_is_a_conflict(door: World) -> None:
    task = await _opened(door)
    assert (await _post(door, f"/tasks/{task}/decision", APPROVE)).status == 200
    for path, body, who in (
        ("decision", DENY, OTHER_DIRECTOR),
        ("claim", None, NURSE),
        ("assign", {"to": "x"}, OPERATOR),
    ):
        late = await _post(door, f"/tasks/{task}/{path}", body, who=who)
        assert (late.status, late.code) == (409, "finished")
    assert (await door.submit(BUNDLE)).actions == ["A1"]


async def test_a_decision_stands_when_its_instance_cannot_be_told(
    door: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    task = await _opened(door)

    async def away(*_: object) -> None:
        raise Unavailable("durable")

    with monkeypatch.context() as patch:
        patch.setattr(Instances, "raise_event", away)
        reply = await _post(door, f"/tasks/{task}/decision", APPROVE)
    assert (reply.status, reply.json["status"]) == (200, "completed")
    assert f"case {CASE}: its decision is stored and the sweep tells it (durable)" in caplog.messages


async def test_a_change_in_between_is_a_conflict(door: World) -> None:
    """An escalation at the moment of a claim: the claim's If-Match is stale."""
    task = await _opened(door)
    write = door.fhir.transaction

    async def overtaken(entries: Sequence[Entry]) -> list[dict[str, Any]]:
        door.fhir.transaction = write  # type: ignore[method-assign]
        found = await door.fhir.read(f"Task/{task}")
        await write([Entry("PUT", f"Task/{task}", {**found, "priority": "stat"})])
        return await write(entries)

    door.fhir.transaction = overtaken  # type: ignore[method-assign]
    stale = await _post(door, f"/tasks/{task}/claim")
    assert (stale.status, stale.code) == (409, "changed")
    after = (await door.send("GET", f"/tasks/{task}", who=NURSE)).json
    assert (after["priority"], after["owner"]) == ("stat", None)
    assert (await _post(door, f"/tasks/{task}/claim")).status == 200


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        (b"nonsense", "not-json", "$"),
        (b"[]", "malformed", ""),
        ({}, "malformed", "/decision"),
        ({"decision": "perhaps"}, "malformed", "/decision"),
        ({"decision": "approve", "colour": "red"}, "malformed", "/colour"),
        ({"decision": "deny"}, "malformed", "/reason"),
        ({"decision": "deny", "reason": "dislike"}, "malformed", "/reason"),
        ({"decision": "request-information"}, "malformed", "/information"),
        ({"decision": "request-information", "information": ["the chart"]}, "malformed", "/information/0"),
        ({"decision": "modify", "reason": "criteria-not-met"}, "malformed", "/items"),
        ({"decision": "approve", "items": [{"sequence": 9}]}, "malformed", "/items/0/sequence"),
        ({"decision": "approve", "start": "2027-01-01", "end": "2026-01-01"}, "malformed", "/end"),
        ({"decision": "approve", "note": "x" * 4001}, "malformed", "/note"),
    ],
)
async def test_a_malformed_decision_names_the_place(door: World, body: object, code: str, place: str) -> None:
    task = await _opened(door)
    reply = await _post(door, f"/tasks/{task}/decision", body, who=DIRECTOR)
    assert (reply.status, reply.code) == (400, code)
    assert [error["path"] for error in reply.json["errors"]] == [place]
    assert (await door.fhir.read(f"Task/{task}"))["status"] == "requested"


@pytest.mark.parametrize("body", [b"x", {}, {"to": 1}, {"to": ""}, {"to": "x" * 201}, {"to": DIRECTOR, "more": 1}])
async def test_a_malformed_assignment(door: World, body: object) -> None:
    reply = await _post(door, f"/tasks/{await _opened(door)}/assign", body, who=OPERATOR)
    assert (reply.status, [error["path"] for error in reply.json["errors"]]) == (400, ["/to"])


@pytest.mark.parametrize("path", ["", "/claim", "/assign", "/decision"])
async def test_what_is_no_review_is_not_found(door: World, path: str) -> None:
    await _opened(door)
    record = (await door.record(CASE)).reference.removeprefix("Task/")
    for unknown in ("00000000-0000-0000-0000-000000000000", record, "a b", "..%2Fmetadata"):
        method, body = ("GET", None) if not path else ("POST", {"to": "x"} if path == "/assign" else APPROVE)
        reply = await door.send(method, f"/tasks/{unknown}{path}", body, who=DIRECTOR)
        assert reply.status == 404, unknown
