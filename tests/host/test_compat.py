"""What Azure and SDK 1.7 do wrong: reproduced and named under ``azure``, spared under ``fixed``."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import pytest

from host.model import EventKind, Status
from host.options import Compat, HubOptions
from host.store import Store
from host.testing import DurableHost, FunctionsInvoker, durable_host

pytestmark = pytest.mark.usefixtures("sessions")

Flow = Generator[Any, Any, Any]


def two_waits(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_activity("hello", "x")
    first = yield context.wait_for_external_event("e")
    second = yield context.wait_for_external_event("e")
    return [first, second]


def waits_after_timer(context: df.DurableOrchestrationContext) -> Flow:
    yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    first = yield context.wait_for_external_event("e")
    second = yield context.wait_for_external_event("e")
    return [first, second]


def parallel_waits(context: df.DurableOrchestrationContext) -> Flow:
    return (yield context.task_all([context.wait_for_external_event("e"), context.wait_for_external_event("e")]))


def reused_task(context: df.DurableOrchestrationContext) -> Flow:
    """Goes on with a task that was yielded before: on Azure the escalation never starts."""
    decided = context.wait_for_external_event("decided")
    soon = context.create_timer(context.current_utc_datetime + timedelta(days=1))
    yield context.task_any([decided, soon])
    later = context.create_timer(context.current_utc_datetime + timedelta(days=1))
    winner = yield context.task_any([decided, later])
    if winner is decided:
        later.cancel()
        yield context.call_activity("hello", "decided")
        return "decided"
    yield context.call_activity("hello", "escalated")
    return "escalated"


def abandoned_activity(context: df.DurableOrchestrationContext) -> Flow:
    """``b`` was yielded before; the second task_any is sent as one of ``c`` alone."""
    slow = context.wait_for_external_event("slow")
    b = context.wait_for_external_event("b")
    yield context.task_any([slow, b])
    c = context.wait_for_external_event("c")
    winner = yield context.task_any([b, c])
    if winner is b:
        yield context.call_activity("hello", "after b")
        return "b"
    return "c"


def collector(context: df.DurableOrchestrationContext) -> Flow:
    seen = context.get_input() or []
    item = yield context.wait_for_external_event("item")
    yield context.call_activity("hello", str(item))
    if len(seen) == 2:
        return [*seen, item]
    context.continue_as_new([*seen, item])


def failing_all(context: df.DurableOrchestrationContext) -> Flow:
    try:
        yield context.task_all([context.call_activity("boom"), context.wait_for_external_event("never")])
    except Exception:
        yield context.call_activity("hello", "x")
        return "handled"


def retry_beside_failure(context: df.DurableOrchestrationContext) -> Flow:
    options = df.RetryOptions(first_retry_interval_in_milliseconds=1000, max_number_of_attempts=2)
    try:
        later = context.call_sub_orchestrator_with_retry("fails_later", options)
        yield context.task_all([context.call_activity("boom"), later])
    except Exception:
        return (yield context.call_activity("hello", "x"))


def own_child(context: df.DurableOrchestrationContext) -> Flow:
    try:
        yield context.call_sub_orchestrator("fails_later", None, context.instance_id)
    except Exception:
        return "refused"


def child_called(context: df.DurableOrchestrationContext) -> Flow:
    try:
        return (yield context.call_sub_orchestrator("parallel_waits", None, context.get_input()))
    except Exception as error:
        return str(error).strip()


def fails_later(context: df.DurableOrchestrationContext) -> Flow:
    yield context.create_timer(context.current_utc_datetime + timedelta(minutes=1))
    raise ValueError


@pytest.fixture
async def host(store: Store, compat: Compat) -> AsyncIterator[DurableHost]:
    flows = (
        two_waits,
        waits_after_timer,
        parallel_waits,
        reused_task,
        abandoned_activity,
        collector,
        failing_all,
        retry_beside_failure,
        fails_later,
        own_child,
        child_called,
    )
    invoker = FunctionsInvoker({code.__name__: code for code in flows}, {"hello": _hello, "boom": _boom})
    async with durable_host(invoker, store=store, compat=compat) as host:
        yield host


def _hello(name: str) -> str:
    return f"Hello {name}!"


def _boom(_: object) -> None:
    raise ValueError("boom")


async def test_events_in_time_are_read_in_order(host: DurableHost) -> None:
    begun = await host.run("two_waits")
    await host.raise_event(begun.instance_id, "e", 1)
    ended = await host.raise_event(begun.instance_id, "e", 2)
    assert ended.output == "[1, 2]"


async def test_events_before_their_wait(host: DurableHost, compat: Compat, caplog: pytest.LogCaptureFixture) -> None:
    begun = await host.run("waits_after_timer")
    await host.raise_event(begun.instance_id, "e", 1)
    await host.raise_event(begun.instance_id, "e", 2)
    await host.advance(hours=2)
    ended = await host.settled(begun.instance_id)
    warned = [record for record in caplog.records if "event-slot" in record.getMessage()]
    if compat == "fixed":
        assert ended.output == "[1, 2]"
        assert not warned
    else:
        assert ended.output == "[2, 2]", "the SDK keeps the newest event and never clears it"
        assert len(warned) == 2
        assert begun.instance_id in warned[0].getMessage()


async def test_names_of_held_events_match_in_any_case(store: Store) -> None:
    invoker = FunctionsInvoker({"two_waits": two_waits}, {"hello": _hello})
    async with durable_host(invoker, store=store, compat="fixed") as host:
        begun = await host.run("two_waits")
        await host.raise_event(begun.instance_id, "E", 1)
        assert (await host.raise_event(begun.instance_id, "E", 2)).output == "[1, 2]"


async def test_parallel_waits_of_one_name_are_served_newest_first(host: DurableHost) -> None:
    begun = await host.run("parallel_waits")
    await host.raise_event(begun.instance_id, "e", 1)
    assert (await host.raise_event(begun.instance_id, "e", 2)).output == "[2, 1]"


async def test_a_task_that_was_yielded_before_delays_what_follows_on_azure(
    host: DurableHost, compat: Compat, caplog: pytest.LogCaptureFixture
) -> None:
    begun = await host.run("abandoned_activity")
    await host.raise_event(begun.instance_id, "slow", 1)
    await host.raise_event(begun.instance_id, "b", 1)
    status = await host.settled(begun.instance_id)
    warned = [record for record in caplog.records if "ordered-scheduling" in record.getMessage()]
    if compat == "fixed":
        assert status.output == '"b"'
        assert not warned
        return
    assert status.status is Status.RUNNING
    assert await _scheduled(host, begun.instance_id) == [], "the walk still awaits c"
    assert begun.instance_id in warned[0].getMessage()
    assert (await host.raise_event(begun.instance_id, "c", 1)).output == '"b"'


async def test_messages_that_come_together_are_all_read_when_the_code_went_on_by_itself(
    host: DurableHost, compat: Compat
) -> None:
    begun = await host.run("abandoned_activity")
    await host.hub.suspend(begun.instance_id)
    for name in ("slow", "b", "c"):
        await host.raise_event(begun.instance_id, name, 1)
    await host.hub.resume(begun.instance_id)
    assert (await host.settled(begun.instance_id)).output == '"b"'


async def test_a_reused_event_task_still_wins(host: DurableHost, compat: Compat) -> None:
    begun = await host.run("reused_task")
    await host.advance(days=1, hours=1)
    await host.raise_event(begun.instance_id, "decided")
    ended = await host.settled(begun.instance_id)
    assert ended.output == '"decided"', "the cancelled timer ends the task_any that was sent"


async def test_a_failed_task_all_goes_on_at_once_only_when_fixed(host: DurableHost, compat: Compat) -> None:
    status = await host.run("failing_all")
    if compat == "fixed":
        assert status.output == '"handled"'
        return
    assert status.status is Status.RUNNING
    assert (await host.raise_event(status.instance_id, "never")).output == '"handled"'


async def test_a_retry_beside_a_failure_in_one_task_all_shifts_all_numbers_on_azure(
    host: DurableHost, compat: Compat, caplog: pytest.LogCaptureFixture
) -> None:
    """The SDK goes on at the failure and numbers the next call; Azure gives that number to the timer of the retry."""
    begun = await host.run("retry_beside_failure")
    await host.advance(hours=1)
    ended = await host.settled(begun.instance_id)
    if compat == "fixed":
        assert ended.output == '"Hello x!"'
    else:
        assert ended.output is None, "the end of the timer is taken for that of the activity"
        assert "ordered-scheduling" in caplog.text


async def test_a_child_cannot_have_the_id_of_its_parent(host: DurableHost, compat: Compat) -> None:
    ended = await host.run("own_child", instance_id="both")
    if compat == "fixed":
        assert ended.output == '"refused"'
    else:
        assert ended.status is Status.FAILED
        assert "A sub-orchestration cannot have the id of its parent ('both')." in (ended.output or "")


async def test_azure_compares_the_ids_of_parent_and_child_in_any_case(host: DurableHost, compat: Compat) -> None:
    begun = await host.run("child_called", "BOTH", instance_id="both")
    assert begun.status is (Status.RUNNING if compat == "fixed" else Status.FAILED)


async def test_a_child_cannot_have_the_id_of_an_entity(host: DurableHost, compat: Compat) -> None:
    ended = await host.run("child_called", "@hello@k")
    words = "An instance id must not begin with '@': such ids belong to entities."
    assert words in (ended.output or "")
    assert ended.status is (Status.COMPLETED if compat == "fixed" else Status.FAILED)
    assert await host.hub.status("@hello@k") is None


async def test_events_at_continue_as_new(host: DurableHost, compat: Compat, caplog: pytest.LogCaptureFixture) -> None:
    instance = await host.hub.start("collector")
    for item in range(3):
        await host.hub.raise_event(instance, "item", json.dumps(item))
    status = await host.settled(instance)
    if compat == "fixed":
        assert status.output == "[0, 1, 2]"
        return
    assert status.status is Status.RUNNING
    assert any("events-lost" in record.getMessage() for record in caplog.records)


async def test_a_replay_with_forced_starts_is_stable(store: Store) -> None:
    """After the code went on by itself, later turns must find the same numbers again."""
    invoker = FunctionsInvoker({"long": _long}, {"hello": _hello, "boom": _boom})
    async with durable_host(invoker, store=store, compat="fixed") as host:
        begun = await host.run("long")
        await host.raise_event(begun.instance_id, "slow")
        await host.raise_event(begun.instance_id, "b")
        await host.advance(hours=2)
        assert (await host.settled(begun.instance_id)).output == '"done"'
        assert len(await _scheduled(host, begun.instance_id)) == 4


def _long(context: df.DurableOrchestrationContext) -> Flow:
    slow, b = context.wait_for_external_event("slow"), context.wait_for_external_event("b")
    yield context.task_any([slow, b])
    yield context.task_any([b, context.wait_for_external_event("c")])
    options = df.RetryOptions(first_retry_interval_in_milliseconds=1000, max_number_of_attempts=2)
    try:
        yield context.task_all([context.call_activity_with_retry("boom", options), context.call_activity("hello", "y")])
    except Exception:
        yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    yield context.call_activity("hello", "x")
    return "done"


async def _scheduled(host: DurableHost, instance_id: str) -> list[str]:
    history = await host.hub.history(instance_id)
    return [event["Name"] for event in history if event["EventType"] == EventKind.TASK_SCHEDULED]


@pytest.mark.parametrize("spans", [False, True])
async def test_long_timers_are_split_only_when_spans_are_sent(spans: bool) -> None:
    invoker = FunctionsInvoker({"long": _ten_days})
    async with durable_host(invoker, options=HubOptions(send_timer_spans=spans)) as host:
        begun = await host.run("long")
        await host.advance(days=11)
        ended = await host.settled(begun.instance_id)
        assert ended.updated == begun.created + timedelta(days=10)
        history = await host.hub.history(begun.instance_id)
        timers = [event for event in history if event["EventType"] == EventKind.TIMER_CREATED]
        assert len(timers) == (3 if spans else 1)


def _ten_days(context: df.DurableOrchestrationContext) -> Flow:
    yield context.create_timer(context.current_utc_datetime + timedelta(days=10))


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


def retry_beside_a_timer(context: df.DurableOrchestrationContext) -> Flow:
    limit = context.create_timer(context.current_utc_datetime + timedelta(days=1))
    options = df.RetryOptions(first_retry_interval_in_milliseconds=60_000, max_number_of_attempts=2)
    yield context.task_any([context.call_activity_with_retry("flaky", options), limit])
    limit.cancel()
    return (yield context.call_activity("echo", "on time"))


async def test_a_retry_beside_a_timer_that_is_cancelled_afterwards(
    compat: Compat, caplog: pytest.LogCaptureFixture
) -> None:
    invoker = FunctionsInvoker(
        {"flow": retry_beside_a_timer}, {"flaky": lambda _: "done", "echo": lambda text: str(text)}
    )
    async with durable_host(invoker, compat=compat) as host:
        host.fail("flaky")
        case = await host.run("flow")
        await host.advance(minutes=2)
        ended = await host.settled(case.instance_id)
    if compat == "fixed":
        assert (ended.status, ended.output) == (Status.COMPLETED, '"on time"')
        assert "late-cancel" not in caplog.text
    else:
        assert ended.status is Status.FAILED
        assert "Non-Deterministic workflow detected" in (ended.output or "")
        assert f"late-cancel: instance {case.instance_id} fails as non-deterministic, as on Azure" in caplog.text


def rounds(context: df.DurableOrchestrationContext) -> Flow:
    seen = context.get_input() or []
    limit = context.create_timer(context.current_utc_datetime + timedelta(days=1))
    sold = context.wait_for_external_event("sold")
    yield context.task_any([sold, limit])
    limit.cancel()
    if len(seen) == 2:
        return [*seen, sold.result]
    context.continue_as_new([*seen, sold.result])


async def test_an_event_that_beats_a_timer_before_continue_as_new(
    compat: Compat, caplog: pytest.LogCaptureFixture
) -> None:
    async with durable_host(FunctionsInvoker({"rounds": rounds}), compat=compat) as host:
        case = await host.run("rounds")
        for number in (1, 2, 3):
            if not (await host.settled(case.instance_id)).status.ended:
                await host.raise_event(case.instance_id, "sold", number)
        ended = await host.settled(case.instance_id)
    assert ended.output == ("[1, 2, 3]" if compat == "fixed" else "[1, 1, 1]")
    assert caplog.text.count("event-again: instance") == (0 if compat == "fixed" else 2)


async def test_events_keep_their_order_over_continue_as_new(store: Store, compat: Compat) -> None:
    """One comes while the code continues as new, with another unread."""
    late: list[asyncio.AbstractEventLoop] = [asyncio.get_running_loop()]

    def takes(context: df.DurableOrchestrationContext) -> Flow:
        seen = context.get_input() or []
        seen.append((yield context.wait_for_external_event("item")))
        if late:
            posting = durable.hub.raise_event(context.instance_id, "item", "2")
            asyncio.run_coroutine_threadsafe(posting, late.pop()).result()
        if len(seen) == 3:
            return seen
        context.continue_as_new(seen)

    async with durable_host(FunctionsInvoker({"takes": takes}), store=store, compat=compat) as durable:
        case = await durable.hub.start("takes")
        await durable.hub.suspend(case)
        await durable.settled(case)
        for item in ("0", "1"):
            await durable.hub.raise_event(case, "item", item)
        await durable.hub.resume(case)
        assert (await durable.settled(case)).output == "[0, 1, 2]"


def waiting_between(context: df.DurableOrchestrationContext) -> Flow:
    yield context.wait_for_external_event("one")
    yield context.call_activity("echo", "x")
    context.continue_as_new(None)


async def test_events_that_nobody_read_are_kept_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    invoker = FunctionsInvoker({"flow": waiting_between}, {"echo": lambda text: str(text)})
    async with durable_host(invoker) as host:
        case = await host.run("flow")
        await host.hub.suspend(case.instance_id)
        await host.settled(case.instance_id)
        for name in ("one", "one"):
            await host.hub.raise_event(case.instance_id, name)
        await host.hub.resume(case.instance_id)
        await host.settled(case.instance_id)
    assert "event-again" not in caplog.text
