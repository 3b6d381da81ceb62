"""Decisions of Tasklist: whose they are, who may pass them on, what a repeat does, and what each refusal is called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote

import pytest

from adapters.fhir.audit import PRINCIPAL, ROLE
from adapters.fhir.base import Entry
from domain import review
from domain.cases import CaseState
from domain.codes import TASK_CODE, TaskCode
from domain.errors import Unavailable
from domain.refusals import SENTENCES
from mirror import form
from tests.support.incoming import everything
from tests.support.samples import request
from tests.support.tasklist import CHEN, MIRROR, PEOPLE, RIVERA, passed_on
from tests.support.world import DIRECTOR, NURSE, OPERATOR, OTHER_DIRECTOR, SUBMITTER, World, case_of, world
from triggers.instances import Instances

BUNDLE = request("denied-by-medical-director")
CASE = case_of(BUNDLE)
APPROVE = {"decision": "approve"}
DENY = {"decision": "deny", "reason": "criteria-not-met"}
BEHALF, MARK = "x-workflow-on-behalf-of", "x-workflow-mark"


@pytest.fixture
async def app() -> AsyncIterator[World]:
    """A world that knows people of Tasklist and whose one case waits for a reviewer."""
    async with world(tasklist_people=PEOPLE) as running:
        await running.submit(BUNDLE)
        await running.settle()
        yield running


async def refused(app: World, status: int, code: str, person: str, body: object, **more: Any) -> None:
    """The decision is refused, and nothing is written for it."""
    task, before = await app.task(CASE), await everything(app)
    reply = await passed_on(app, task, person, body, **more)
    assert (reply.status, reply.code) == (status, code)
    assert reply.headers["Content-Type"].startswith("application/problem+json")
    assert await everything(app) == before
    assert (await app.custom(CASE))["waitingFor"] == "reviewer"


async def _decided(who: str, body: object, person: str | None) -> list[dict[str, Any]]:
    """The review and the answer when ``who`` decides in the portal, or the same person in Tasklist."""
    async with world(tasklist_people=PEOPLE) as app:
        await app.submit(BUNDLE)
        await app.settle()
        task = await app.task(CASE)
        if person is None:
            reply = await app.send("POST", f"/tasks/{task}/decision", body, who=who)
            await app.settle()
        else:
            reply = await passed_on(app, task, person, body)
        assert reply.status == 200
        found = [await app.fhir.read(f"Task/{task}"), await app.response(CASE)]
        return [{key: value for key, value in each.items() if key not in ("meta", "identifier")} for each in found]


@pytest.mark.parametrize(("who", "body", "person"), [(NURSE, APPROVE, RIVERA), (DIRECTOR, DENY, CHEN)])
async def test_it_is_as_if_the_person_had_signed_in(who: str, body: object, person: str) -> None:
    assert await _decided(who, body, person) == await _decided(who, body, None)


async def test_a_case_is_decided_in_tasklist(app: World) -> None:
    task = await app.task(CASE)
    reply = await passed_on(app, task, CHEN, DENY)
    assert reply.json == {"id": task, "case": CASE, "status": "completed", "state": "decided", "version": "2"}
    assert (await app.record(CASE)).state is CaseState.DENIED
    stored = await app.fhir.read(f"Task/{task}")
    assert (review.owner(stored), review.decision_maker(stored)) == (DIRECTOR, DIRECTOR)
    assert review.reviewer_of(stored).npi == PEOPLE[CHEN]["npi"]
    assert (await app.submit(BUNDLE)).actions == ["A3"]


async def test_the_audit_names_the_person_and_who_passed_it_on(app: World) -> None:
    await passed_on(app, await app.task(CASE), RIVERA, APPROVE)
    (event,) = [each for each in await app.all("AuditEvent") if len(each["agent"]) == 3]
    person, mirror, _ = event["agent"]
    assert (person["who"]["identifier"], person["requestor"]) == ({"system": PRINCIPAL, "value": NURSE}, True)
    assert person["role"] == [{"coding": [{"system": ROLE, "code": "reviewer"}]}]
    assert (mirror["who"]["identifier"], mirror["requestor"]) == ({"system": PRINCIPAL, "value": MIRROR}, False)


async def test_a_name_may_be_percent_encoded(app: World) -> None:
    assert (await passed_on(app, await app.task(CASE), quote("okafør"), APPROVE)).status == 200
    assert (await app.record(CASE)).state is CaseState.APPROVED


@pytest.mark.parametrize(
    ("status", "code", "person", "body"),
    [
        (403, "unknown-person", "nobody", APPROVE),
        (403, "unknown-person", "", APPROVE),
        (403, "unknown-person", NURSE, APPROVE),
        (403, "role", "clerk", APPROVE),
        (403, "medical-director", RIVERA, DENY),
        (403, "npi", quote("okafør"), DENY),
        (400, "malformed", CHEN, {"decision": "deny"}),
        (400, "not-json", CHEN, b"{"),
        (413, "depth", CHEN, b"[" * 100_000),
    ],
)
async def test_what_is_refused(app: World, status: int, code: str, person: str, body: object) -> None:
    await refused(app, status, code, person, body)
    assert code in SENTENCES


async def test_a_body_over_the_limit() -> None:
    async with world(tasklist_people=PEOPLE, max_body_bytes=100_000) as app:
        await app.submit(BUNDLE)
        task = await app.task(CASE)
        reply = await passed_on(app, task, RIVERA, b" " * 100_001)
        assert (reply.status, reply.code) == (413, "body")


async def test_one_quantity_for_several_services_needs_the_portal(app: World) -> None:
    task = await app.task(CASE)
    claim = await app.fhir.read((await app.fhir.read(f"Task/{task}"))["focus"]["reference"].split("/_history")[0])
    several = {**claim, "item": [*claim["item"], {**claim["item"][0], "sequence": 2}]}
    read = app.fhir.read

    async def changed(reference: str) -> dict[str, Any]:
        return several if reference.startswith("Claim/") else await read(reference)

    app.fhir.read = changed  # type: ignore[method-assign]
    await refused(app, 400, "needs-portal", CHEN, {"decision": "modify", "reason": "criteria-not-met", "quantity": 1})


@pytest.mark.parametrize("who", [NURSE, DIRECTOR])
async def test_nobody_else_is_heard_for_somebody(app: World, who: str) -> None:
    await refused(app, 403, "on-behalf-of", CHEN, APPROVE, who=who)
    await refused(app, 403, "on-behalf-of", "", APPROVE, who=who)


@pytest.mark.parametrize("who", [SUBMITTER, OPERATOR])
async def test_the_header_opens_no_door(app: World, who: str) -> None:
    await refused(app, 403, "role", CHEN, APPROVE, who=who)


async def test_the_mirror_decides_nothing_itself(app: World) -> None:
    path = f"/tasks/{await app.task(CASE)}"
    alone = await app.send("POST", f"{path}/decision", APPROVE, who=MIRROR, headers={MARK: "camunda:1"})
    assert (alone.status, alone.code) == (403, "on-behalf-of")
    for method, door in (("GET", ""), ("POST", "/claim"), ("POST", "/assign")):
        reply = await app.send(method, path + door, {"to": NURSE}, who=MIRROR, headers={BEHALF: CHEN})
        assert (reply.status, reply.code) == (403, "role")


async def test_other_doors_do_not_look_at_the_header(app: World) -> None:
    path = f"/tasks/{await app.task(CASE)}/claim"
    assert (await app.send("POST", path, who=NURSE, headers={BEHALF: CHEN})).json["owner"] == NURSE


async def test_a_decision_without_a_name_of_its_own(app: World) -> None:
    await refused(app, 400, "mark", RIVERA, APPROVE, mark="")


async def test_a_decision_that_is_sent_again_is_taken_once(app: World) -> None:
    task = await app.task(CASE)
    first = await passed_on(app, task, RIVERA, APPROVE, settle=False)
    again = await passed_on(app, task, RIVERA, APPROVE)
    assert (first.status, again.status) == (200, 200)
    before = await everything(app)
    later = await passed_on(app, task, RIVERA, APPROVE)
    assert (later.status, later.json["state"]) == (200, "recorded")
    assert await everything(app) == before
    assert await app.notices(CASE) == ["decided"]


@pytest.mark.parametrize(
    ("mark", "person", "body"),
    [("camunda:2", RIVERA, APPROVE), ("camunda:1", CHEN, APPROVE), ("camunda:1", RIVERA, DENY)],
    ids=["another completion", "another person", "another decision"],
)
async def test_what_is_no_repeat(app: World, mark: str, person: str, body: object) -> None:
    task = await app.task(CASE)
    await passed_on(app, task, RIVERA, APPROVE)
    before = await everything(app)
    reply = await passed_on(app, task, person, body, mark=mark)
    assert (reply.status, reply.code) == (409, "finished")
    assert await everything(app) == before


async def test_two_copies_at_the_same_moment_are_both_taken(app: World) -> None:
    task = await app.task(CASE)
    copies = [passed_on(app, task, RIVERA, APPROVE, settle=False) for _ in range(2)]
    assert [reply.status for reply in await asyncio.gather(*copies)] == [200, 200]
    await app.settle()
    assert await _decisions(app, task) == 1


async def _decisions(app: World, task: str) -> int:
    """How often the review was decided."""
    found = [each for each in await app.fhir.history(f"Task/{task}") if review.is_decision(each)]
    return len([each for each in found if each["businessStatus"]["coding"][0]["code"] == "decided"])


async def test_it_stands_when_the_instance_cannot_be_told(app: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("durable")

    task = await app.task(CASE)
    with monkeypatch.context() as outage:
        outage.setattr(Instances, "raise_event", away)
        assert (await passed_on(app, task, RIVERA, APPROVE)).status == 200
    assert (await passed_on(app, task, RIVERA, APPROVE)).status == 200, "the sweep tells it"


async def test_the_fhir_server_does_not_answer(app: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("fhir")

    task = await app.task(CASE)
    with monkeypatch.context() as outage:
        outage.setattr(app.fhir, "transaction", away)
        reply = await passed_on(app, task, RIVERA, APPROVE)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "10")
    assert (await passed_on(app, task, RIVERA, APPROVE)).status == 200


async def test_the_portal_was_quicker(app: World) -> None:
    task = await app.task(CASE)
    await app.decide(CASE, DENY, who=DIRECTOR)
    before = await everything(app)
    reply = await passed_on(app, task, RIVERA, APPROVE)
    assert (reply.status, reply.code) == (409, "finished")
    assert await everything(app) == before
    assert (await app.record(CASE)).state is CaseState.DENIED


async def test_somebody_else_has_claimed_it_in_the_portal(app: World) -> None:
    await app.send("POST", f"/tasks/{await app.task(CASE)}/claim", who=OTHER_DIRECTOR)
    await refused(app, 409, "claimed", RIVERA, APPROVE)


@pytest.mark.parametrize("order", [1, -1], ids=["tasklist asks first", "portal asks first"])
async def test_tasklist_and_portal_at_the_same_moment_are_one_decision(app: World, order: int) -> None:
    task = await app.task(CASE)
    both = [
        passed_on(app, task, CHEN, DENY, settle=False),
        app.send("POST", f"/tasks/{task}/decision", APPROVE, who=NURSE),
    ]
    passed, direct = (await asyncio.gather(*both[::order]))[::order]
    await app.settle()
    assert (passed.status == 200) != (direct.status == 200)
    assert await _decisions(app, task) == 1
    state = (await app.record(CASE)).state
    assert state is (CaseState.DENIED if passed.status == 200 else CaseState.APPROVED)
    if passed.status != 200:
        again = await passed_on(app, task, CHEN, DENY)
        assert (again.status, again.code) == (409, "finished"), "the loser is told for good"


async def test_a_change_in_between_is_tried_again(app: World) -> None:
    """An escalation at the moment of the decision: the If-Match is stale, and the decision is still wanted."""
    task, write = await app.task(CASE), app.fhir.transaction

    async def overtaken(entries: Sequence[Entry]) -> list[dict[str, Any]]:
        app.fhir.transaction = write  # type: ignore[method-assign]
        await write([Entry("PUT", f"Task/{task}", {**await app.fhir.read(f"Task/{task}"), "priority": "stat"})])
        return await write(entries)

    app.fhir.transaction = overtaken  # type: ignore[method-assign]
    reply = await passed_on(app, task, RIVERA, APPROVE)
    assert (reply.status, reply.code) == (503, "changed")
    assert (await passed_on(app, task, RIVERA, APPROVE)).status == 200
    assert (await app.fhir.read(f"Task/{task}"))["priority"] == "stat"


async def test_an_appeal_goes_to_somebody_else_in_tasklist_too(app: World) -> None:
    await app.decide(CASE, DENY, who=DIRECTOR)
    await app.send("POST", f"/fhir/ClaimResponse/{(await app.response(CASE))['id']}/$appeal", who=SUBMITTER)
    await app.settle()
    (record,) = await app.all("Task", code=f"{TASK_CODE}|{TaskCode.APPEAL}")
    appeal = record["identifier"][0]["value"]
    task, before = await app.task(appeal), await everything(app)
    reply = await passed_on(app, task, CHEN, APPROVE)
    assert (reply.status, reply.code) == (403, "same-reviewer")
    assert await everything(app) == before
    assert (await passed_on(app, task, RIVERA, APPROVE, mark="camunda:2")).status == 200
    assert (await app.record(appeal)).state is CaseState.APPROVED


async def test_what_is_no_review(app: World) -> None:
    reply = await passed_on(app, "nowhere", RIVERA, APPROVE)
    assert (reply.status, reply.code) == (404, "task")


async def test_a_question_in_tasklist_pends_the_case(app: World) -> None:
    body = form.decision({"decision": "request-information", "information": "59408-5, 2708-6"})
    assert (await passed_on(app, await app.task(CASE), RIVERA, body)).status == 200
    assert (await app.record(CASE)).state is CaseState.INFORMATION_REQUESTED
    assert (await app.custom(CASE))["waitingFor"] == "provider"


async def test_less_is_authorized_in_tasklist(app: World) -> None:
    fields = {"decision": "modify", "reason": "criteria-not-met", "quantity": 1, "end": "2027-01-31"}
    assert (await passed_on(app, await app.task(CASE), CHEN, form.decision(fields))).status == 200
    assert (await app.record(CASE)).state is CaseState.MODIFIED
    (item,) = review.decided_items(await app.fhir.read((await _reviews(app))[0]))
    assert (item.quantity, str(item.end)) == (1, "2027-01-31")


async def _reviews(app: World) -> list[str]:
    return [f"Task/{each['id']}" for each in await app.all("Task", code=f"{TASK_CODE}|{TaskCode.CLINICAL_REVIEW}")]
