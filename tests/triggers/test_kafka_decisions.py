"""Decisions that come as events: the rules of the work list, once an event, and who was quicker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.events.base import Record
from domain import review
from domain.cases import CaseState
from domain.errors import Conflict, Forbidden, Malformed, NotFound, TooLarge, Unavailable, WorkflowError
from domain.events.catalog import DECISION_TAKEN
from tests.support.incoming import (
    MEMBERSHIP,
    PORTAL,
    REVIEWER,
    SOURCES,
    come,
    decision_record,
    everything,
    listening,
    put,
    put_binary,
)
from tests.support.samples import request
from tests.support.world import NURSE, World, case_of
from triggers.event import Kind, Outcome

BUNDLE = request("denied-by-medical-director")
CASE = case_of(BUNDLE)
APPROVE = {"decision": "approve"}
DENY = {"decision": "deny", "reason": "criteria-not-met"}


@pytest.fixture
async def app() -> AsyncIterator[World]:
    """A world whose one case waits for a reviewer."""
    async with reviewing() as running:
        yield running


def reviewing(**changes: Any) -> Any:
    """The context of such a world; ``changes`` are those of the reviewer's source."""
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def opened() -> AsyncIterator[World]:
        sources = {**SOURCES, REVIEWER: {**SOURCES[REVIEWER], **changes}}
        async with listening(event_sources=sources) as running:
            await running.submit(BUNDLE)
            await running.settle()
            yield running

    return opened()


async def refused(app: World, record: Record, error: type[WorkflowError], code: str, *, dry: bool = False) -> None:
    """The record is refused, and nothing is written for it."""
    before = await everything(app)
    with pytest.raises(error) as raised:
        await come(app, record, dry=dry)
    assert raised.value.code == code
    assert await everything(app) == before


async def test_a_decision_is_recorded_and_told(app: World) -> None:
    task = await app.task(CASE)
    assert await come(app, await decision_record(app, task, APPROVE)) == Outcome(Kind.RAISED, CASE)
    assert (await app.record(CASE)).state is CaseState.APPROVED
    decided = await app.fhir.read(f"Task/{task}")
    assert (review.owner(decided), review.decision_maker(decided)) == (REVIEWER, REVIEWER)
    assert await app.notices(CASE) == ["decided"]


async def test_a_denial_names_the_medical_director_of_the_source(app: World) -> None:
    task = await app.task(CASE)
    await come(app, await decision_record(app, task, DENY))
    assert (await app.record(CASE)).state is CaseState.DENIED
    named = review.reviewer_of(await app.fhir.read(f"Task/{task}"))
    assert (named.npi, named.specialty) == (SOURCES[REVIEWER]["npi"], SOURCES[REVIEWER]["specialty"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"roles": ["reviewer"]}, "medical-director"), ({"npi": None}, "npi"), ({"roles": []}, "role")],
)
async def test_who_may_not_deny(changes: dict[str, Any], code: str) -> None:
    async with reviewing(**changes) as app:
        await refused(app, await decision_record(app, await app.task(CASE), DENY), Forbidden, code)


@pytest.mark.parametrize(
    ("source", "code"),
    [("urn:example:source:nobody", "unknown-source"), (PORTAL, "role"), (MEMBERSHIP, "role")],
)
async def test_who_may_not_decide(app: World, source: str, code: str) -> None:
    await refused(app, await decision_record(app, await app.task(CASE), APPROVE, source=source), Forbidden, code)


async def test_an_event_that_comes_again_is_known(app: World) -> None:
    record = await decision_record(app, await app.task(CASE), APPROVE)
    await come(app, record)
    before = await everything(app)
    assert await come(app, record) == Outcome(Kind.EXISTS, CASE)
    assert await come(app, record, dry=True) == Outcome(Kind.EXISTS, CASE)
    assert await everything(app) == before


async def test_another_decision_on_the_same_review(app: World) -> None:
    task = await app.task(CASE)
    await come(app, await decision_record(app, task, APPROVE))
    await refused(app, await decision_record(app, task, DENY), Conflict, "finished")
    assert (await app.record(CASE)).state is CaseState.APPROVED


async def test_somebody_else_decided_meanwhile(app: World) -> None:
    record = await decision_record(app, await app.task(CASE), DENY)
    await app.decide(CASE, APPROVE)
    await refused(app, record, Conflict, "finished")


async def test_somebody_else_has_claimed_it(app: World) -> None:
    task = await app.task(CASE)
    record = await decision_record(app, task, APPROVE)
    await app.send("POST", f"/tasks/{task}/claim", who=NURSE)
    await refused(app, record, Conflict, "claimed")


async def test_an_event_and_a_person_at_the_same_moment_are_one_decision(app: World) -> None:
    task = await app.task(CASE)
    record = await decision_record(app, task, APPROVE)
    outside, inside = await asyncio.gather(
        come(app, record),
        app.send("POST", f"/tasks/{task}/decision", APPROVE, who=NURSE),
        return_exceptions=True,
    )
    taken = isinstance(outside, Outcome)
    assert taken == (not isinstance(inside, BaseException) and inside.status == 409)
    assert taken or isinstance(outside, Conflict | Unavailable)
    assert len([each for each in await app.fhir.history(f"Task/{task}") if review.is_decision(each)]) == 2
    if not taken:
        await refused(app, record, Conflict, "finished")


async def test_the_instance_cannot_be_told_now(app: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("durable")

    record = await decision_record(app, await app.task(CASE), APPROVE)
    with monkeypatch.context() as outage:
        outage.setattr("triggers.instances.Instances.raise_event", away)
        assert await come(app, record) == Outcome(Kind.RAISED, CASE), "it stands, and the sweep tells it"
    assert await come(app, record) == Outcome(Kind.EXISTS, CASE)


async def test_a_dry_run_checks_all_and_writes_nothing(app: World) -> None:
    task = await app.task(CASE)
    good, bad = await decision_record(app, task, APPROVE), await decision_record(app, task, {"decision": "deny"})
    before = await everything(app)
    assert await come(app, good, dry=True) == Outcome(Kind.RAISED, CASE)
    assert await everything(app) == before
    assert (await app.custom(CASE))["waitingFor"] == "reviewer"
    await refused(app, bad, Malformed, "malformed", dry=True)


async def test_a_task_that_is_no_review(app: World) -> None:
    record = (await app.record(CASE)).reference.removeprefix("Task/")
    for task in (record, "nowhere"):
        await refused(app, await decision_record(app, task, APPROVE), NotFound, "task")


async def test_a_decision_on_another_review_is_not_found(app: World) -> None:
    task = await app.task(CASE)
    other = await put_binary(app.fhir, APPROVE, "Task/another")
    for binary in (other, "Binary/nowhere"):
        record = put(app, DECISION_TAKEN, REVIEWER, {"task": f"Task/{task}", "decision": binary})
        await refused(app, record, NotFound, "reference")


@pytest.mark.parametrize(
    ("body", "error", "code"),
    [
        (b"{", Malformed, "not-json"),
        (b"7", Malformed, "malformed"),
        (b"[" * 100_000, TooLarge, "depth"),
        ({"decision": "approve", "who": "me"}, Malformed, "malformed"),
        ({"decision": "approve", "items": [{"sequence": 99}]}, Malformed, "malformed"),
    ],
)
async def test_hostile_content(app: World, body: object, error: type[WorkflowError], code: str) -> None:
    await refused(app, await decision_record(app, await app.task(CASE), body), error, code)
