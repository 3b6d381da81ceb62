"""Receivers that stay away or refuse: the case goes on, its history stays small, and nobody is dropped in silence."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from adapters.fhir.base import Entry
from adapters.notifications.base import Hook
from domain.cases import CaseState, timeline
from domain.errors import Unavailable
from host.model import Status
from orchestrators.steps import BACKOFF, LATER, NOTICE_TRIES
from tests.support.samples import request
from tests.support.world import DIRECTOR, OPERATOR, World, case_of

AT_ONCE = request("approved-at-once")
REVIEWED = request("denied-by-medical-director")
ASKED = request("information-requested")
PATIENCE = sum(BACKOFF, timedelta())


async def _outcomes(app: World) -> list[tuple[str, str, str | None]]:
    """Event, status and reason of each notice, in order."""
    found = [each for each in await app.all("Communication") if "priority" not in each]
    return [
        (
            each["reasonCode"][0]["coding"][0]["code"],
            each["status"],
            each["statusReason"]["coding"][0]["code"] if "statusReason" in each else None,
        )
        for each in sorted(found, key=lambda each: each["sent"])
    ]


async def _events(app: World, case: str) -> int:
    return len(await app.host.durable.hub.history(case))


async def test_a_hook_that_is_dead_for_a_month_leaves_a_small_history_and_a_case_that_goes_on(
    app: World, caplog: pytest.LogCaptureFixture
) -> None:
    app.notifier.answers = False
    await app.submit(REVIEWED)
    case = case_of(REVIEWED)
    await app.advance(days=30)
    assert await _events(app, case) < 200
    assert (await app.custom(case))["waitingFor"] == "reviewer"
    assert await _outcomes(app) == [("deemed", "not-done", "hook")]
    assert caplog.messages.count(f"case {case}: nobody was told of deemed (hook)") == 1
    await app.decide(case, {"decision": "approve"}, who=DIRECTOR)
    await app.advance(days=1)
    assert (await app.custom(case))["waitingFor"] == "operator"
    app.notifier.answers = True
    await app.send("POST", f"/cases/{case}/resume", who=OPERATOR)
    await app.settle()
    steps = [step for step, _ in timeline(await app.fhir.read((await app.record(case)).reference))]
    assert steps.count("notify-provider") == 2, "a notice stands in the timeline once, however often it was tried"
    assert all(one != other for one, other in pairwise(steps))


async def test_a_notice_that_comes_through_late_is_told_once(app: World) -> None:
    app.notifier.answers = False
    await app.submit(ASKED)
    await app.settle()
    await app.advance(hours=1)
    app.notifier.answers = True
    await app.advance(hours=1)
    assert await _outcomes(app) == [("information-requested", "completed", None)]
    assert len(app.notifier.delivered) == 1


async def test_the_pauses_between_tries_grow_and_end(app: World) -> None:
    app.notifier.answers = False
    await app.submit(ASKED)
    await app.settle()
    pauses = [LATER[min(each, len(LATER) - 1)] for each in range(NOTICE_TRIES - 1)]
    await app.advance(seconds=sum(pauses, timedelta()).total_seconds() - 1)
    assert await _outcomes(app) == []
    await app.advance(seconds=1)
    assert await _outcomes(app) == [("information-requested", "not-done", "hook")]


async def test_a_notice_that_is_owed_at_the_end_of_a_case_is_tried_once_more(app: World) -> None:
    app.notifier.answers = False
    await app.submit(REVIEWED)
    case = case_of(REVIEWED)
    await app.advance_to((await app.record(case)).due or app.clock.now())
    await app.advance(hours=1)
    await app.decide(case, {"decision": "approve"}, who=DIRECTOR)
    assert await _outcomes(app) == [("deemed", "not-done", "hook")]
    assert (await app.record(case)).state is CaseState.APPROVED


async def test_a_refusal_of_the_receiver_ends_the_notice_and_not_the_case(
    app: World, caplog: pytest.LogCaptureFixture
) -> None:
    app.notifier.takes = False
    assert (await app.submit(AT_ONCE)).actions == ["A1"]
    await app.settle()
    case = case_of(AT_ONCE)
    assert (await app.status(case)).status is Status.COMPLETED
    assert await _outcomes(app) == [("decided", "not-done", "hook-refused")]
    assert f"case {case}: nobody was told of decided (hook-refused)" in caplog.messages


async def test_a_decided_case_parks_once_for_a_dead_hook_and_then_gives_up(app: World) -> None:
    app.notifier.answers = False
    await app.submit(AT_ONCE)
    case = case_of(AT_ONCE)
    await app.advance(hours=1)
    assert (await app.custom(case))["waitingFor"] == "operator"
    assert await _outcomes(app) == []
    await app.send("POST", f"/cases/{case}/resume", who=OPERATOR)
    await app.advance(seconds=PATIENCE.total_seconds() - 1)
    assert await _outcomes(app) == [], "it is tried as patiently as before"
    await app.advance(seconds=1)
    assert (await app.status(case)).status is Status.COMPLETED
    assert await _outcomes(app) == [("decided", "not-done", "hook")]
    assert await _events(app, case) < 200


async def test_one_dead_endpoint_does_not_keep_the_others_from_being_told(
    app: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (subscription,) = await app.all("Subscription")
    channel = {**subscription["channel"], "endpoint": "http://127.0.0.1:18591/hooks/second"}
    second = {**subscription, "id": "second", "channel": channel}
    await app.fhir.transaction([Entry("PUT", "Subscription/second", second)])
    deliver = app.notifier.deliver

    async def first_is_dead(hook: Hook, body: dict[str, Any], notification_id: str) -> None:
        if hook.endpoint != channel["endpoint"]:
            raise Unavailable("hook")
        await deliver(hook, body, notification_id)

    monkeypatch.setattr(app.notifier, "deliver", first_is_dead)
    await app.submit(AT_ONCE)
    await app.settle()
    assert [each.endpoint for each in app.notifier.delivered] == [channel["endpoint"]]
    assert await _outcomes(app) == [], "and the first one is tried again"
