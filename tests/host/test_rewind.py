"""A failed instance runs again from its last good step, as a new execution."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Generator
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df
import pytest

from host.errors import NotFinished, UnknownInstance, WrongState
from host.model import EventKind, Parent, Status
from host.options import Compat
from host.store import Store
from host.store.base import Loaded
from host.store.memory import MemoryStore
from host.testing import DurableHost, FunctionsInvoker, durable_host

Flow = Generator[Any, Any, Any]
COUNTER = df.EntityId("counter", "k")


def calls(context: df.DurableOrchestrationContext) -> Flow:
    first = yield context.call_activity("echo", "one")
    second = yield context.call_activity("echo", "two")
    return [first, second]


def parent(context: df.DurableOrchestrationContext) -> Flow:
    return (yield context.call_sub_orchestrator("middle"))


def middle(context: df.DurableOrchestrationContext) -> Flow:
    return (yield context.call_sub_orchestrator("calls", instance_id="the-child"))


def waits(context: df.DurableOrchestrationContext) -> Flow:
    event = yield context.wait_for_external_event("go")
    return (yield context.call_activity("echo", event))


def asks(context: df.DurableOrchestrationContext) -> Flow:
    before = yield context.call_entity(COUNTER, "add", 1)
    yield context.call_activity("echo", "x")
    after = yield context.call_entity(COUNTER, "add", 1)
    return [before, after]


RETRY = df.RetryOptions(1000, 3)


def retries(context: df.DurableOrchestrationContext) -> Flow:
    first = yield context.call_activity_with_retry("echo", RETRY, "one")
    second = yield context.call_activity("echo", "two")
    third = yield context.call_activity_with_retry("echo", RETRY, "three")
    return [first, second, third]


def retries_children(context: df.DurableOrchestrationContext) -> Flow:
    return (yield context.call_sub_orchestrator_with_retry("calls", RETRY))


def catches(context: df.DurableOrchestrationContext) -> Flow:
    try:
        yield context.call_activity("notify", "x")
    except Exception:
        yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    yield context.call_activity("echo", "done")
    return (yield context.call_activity("work", "last"))


def cleans_up(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_activity("echo", "first")
    try:
        return (yield context.call_activity("work", "x"))
    except Exception:
        context.signal_entity(COUNTER, "add", 1)
        yield context.call_entity(COUNTER, "add", 1)
        yield context.call_activity("echo", "cleanup")
        raise


def decides(context: df.DurableOrchestrationContext) -> Flow:
    try:
        yield context.call_activity("work", "x")
    except Exception:
        nap = context.create_timer(context.current_utc_datetime + timedelta(days=9))
        yield context.task_any([nap, context.wait_for_external_event("stop")])
        nap.cancel()
        raise
    limit = context.create_timer(context.current_utc_datetime + timedelta(days=1))
    yield context.task_any([limit, context.wait_for_external_event("go")])
    limit.cancel()
    yield context.wait_for_external_event("end")


def wraps(context: df.DurableOrchestrationContext) -> Flow:
    try:
        return (yield context.task_all([context.call_activity(name, "x") for name in ("work", "echo", "notify")]))
    except Exception:
        raise ValueError("in other words") from None


def echo(value: str) -> str:
    return value


def counter(context: df.DurableEntityContext) -> None:
    count = context.get_state(lambda: 0) + context.get_input()
    context.set_state(count)
    context.set_result(count)


@pytest.fixture
async def host(store: Store, compat: Compat) -> AsyncIterator[DurableHost]:
    others = (retries, retries_children, catches, cleans_up, decides, wraps)
    flows = {code.__name__: code for code in (calls, parent, middle, waits, asks, *others)}
    activities = {"echo": echo, "notify": echo, "work": echo}
    invoker = FunctionsInvoker(flows, activities, {"counter": counter})
    async with durable_host(invoker, store=store, compat=compat) as host:
        yield host


async def test_what_failed_runs_again_through_sub_orchestrations(host: DurableHost) -> None:
    host.fail("echo", times=1)
    failed = await host.run("parent")
    assert failed.status is Status.FAILED
    await host.hub.rewind(failed.instance_id, "fixed")
    ended = await host.settled(failed.instance_id)
    assert ended.status is Status.COMPLETED
    assert json.loads(ended.output or "") == ["one", "two"]
    child = await host.hub.status("the-child")
    assert child is not None
    assert child.status is Status.COMPLETED
    with pytest.raises(WrongState):
        await host.hub.rewind(failed.instance_id)


async def test_it_is_a_new_execution_as_are_its_children(host: DurableHost) -> None:
    host.fail("echo", times=1)
    failed = await host.run("parent", instance_id="top")
    child = await host.hub.status("the-child")
    assert child is not None
    assert child.parent is not None
    between = child.parent.instance
    old = {child.execution_id, child.parent.execution, failed.execution_id}
    await host.hub.rewind("top")
    ended = await host.settled("top")
    new = {"top": ended}
    for key in (between, "the-child"):
        status = await host.hub.status(key)
        assert status is not None
        new[key] = status
    assert old.isdisjoint(each.execution_id for each in new.values())
    assert new["the-child"].parent == Parent(between, new[between].execution_id, "middle", 0)
    assert new[between].parent == Parent("top", ended.execution_id, "parent", 0)
    for key, status in new.items():
        started = next(event for event in await host.hub.history(key) if event["EventType"] == 0)
        assert started["OrchestrationInstance"] == {"InstanceId": key, "ExecutionId": status.execution_id}


async def test_what_was_done_is_kept(host: DurableHost) -> None:
    await host.run("waits", instance_id="i")
    host.fail("echo", times=1)
    assert (await host.raise_event("i", "go", "x")).status is Status.FAILED
    await host.hub.rewind("i")
    assert (await host.settled("i")).output == '"x"'
    with pytest.raises(UnknownInstance):
        await host.hub.rewind("nobody")


async def test_an_entity_call_that_was_answered_is_not_made_again(host: DurableHost) -> None:
    host.fail("echo", times=1)
    assert (await host.run("asks", instance_id="i")).status is Status.FAILED
    await host.hub.rewind("i")
    assert json.loads((await host.settled("i")).output or "") == [1, 2]


def said(host: DurableHost) -> list[str]:
    """What was given to activities, call by call."""
    return [json.loads(call.body) for call in host.invoker.calls if call.kind == "activity"]


async def test_a_call_whose_retries_all_failed_begins_anew(host: DurableHost) -> None:
    host.fail("echo", times=3)
    await host.run("retries", instance_id="i")
    await host.advance(minutes=1)
    assert (await host.settled("i")).status is Status.FAILED
    host.fail("echo", times=2)
    await host.hub.rewind("i")
    await host.advance(minutes=1)
    assert json.loads((await host.settled("i")).output or "") == ["one", "two", "three"]
    assert said(host) == ["one"] * 6 + ["two", "three"]


async def test_a_call_that_a_retry_saved_stays_as_it_was(host: DurableHost) -> None:
    host.fail("echo", times=2)
    host.fail("echo", times=1, attempt=1)  # of the second call: the first one's is taken
    await host.run("retries", instance_id="i")
    await host.advance(minutes=1)
    assert (await host.settled("i")).status is Status.FAILED
    await host.hub.rewind("i")
    await host.advance(minutes=1)
    assert json.loads((await host.settled("i")).output or "") == ["one", "two", "three"]
    assert said(host) == ["one"] * 3 + ["two", "two", "three"]


async def test_of_a_child_that_was_tried_again_the_first_is_rewound(host: DurableHost) -> None:
    host.fail("echo", times=3)
    await host.run("retries_children", instance_id="i")
    await host.advance(minutes=1)
    assert (await host.settled("i")).status is Status.FAILED
    await host.hub.rewind("i")
    await host.advance(minutes=1)
    assert json.loads((await host.settled("i")).output or "") == ["one", "two"]
    assert said(host) == ["one"] * 4 + ["two"]


async def test_a_failure_that_the_code_lived_on_with_stays(host: DurableHost) -> None:
    host.fail("notify")
    host.fail("work")
    await host.run("catches", instance_id="i")
    await host.advance(hours=1)
    assert (await host.settled("i")).status is Status.FAILED
    await host.hub.rewind("i")
    assert (await host.settled("i")).output == '"last"'
    assert said(host) == ["x", "done", "last", "last"]


async def test_what_the_code_did_about_the_failure_is_taken_out(host: DurableHost) -> None:
    host.fail("work", times=2)
    assert (await host.run("cleans_up", instance_id="i")).status is Status.FAILED
    await host.hub.rewind("i")
    assert (await host.settled("i")).status is Status.FAILED, "it was cleaned up again"
    await host.hub.rewind("i")
    assert (await host.settled("i")).output == '"x"'
    assert said(host) == ["first", "x", "cleanup", "x", "cleanup", "x"]
    entity = await host.hub.read_entity("counter", "k")
    assert entity is not None
    assert entity.state == "4"
    kinds = [event["EventType"] for event in await host.hub.history("i")]
    assert not {14, 15}.intersection(kinds), "nothing of the entity is left"


async def test_a_timer_with_the_number_of_one_that_was_undone_is_cancelled_for_good(
    host: DurableHost, store: Store
) -> None:
    host.fail("work")
    await host.run("decides", instance_id="i")
    assert (await host.raise_event("i", "stop")).status is Status.FAILED
    await host.hub.rewind("i")
    await host.settled("i")
    await host.raise_event("i", "go")
    assert (await store.waiting("i")).timers == ()
    await host.advance(days=10)
    assert EventKind.TIMER_FIRED not in [event["EventType"] for event in await host.hub.history("i")]


async def test_failures_that_the_code_tells_in_other_words_are_undone(host: DurableHost) -> None:
    host.fail("work")
    host.fail("notify")
    assert (await host.run("wraps", instance_id="i")).status is Status.FAILED
    host.invoker.calls.clear()
    await host.hub.rewind("i")
    assert json.loads((await host.settled("i")).output or "") == ["x"] * 3
    assert sorted(call.name for call in host.invoker.calls if call.kind == "activity") == ["notify", "work"]


async def test_the_parent_of_a_child_that_was_rewound_alone_gets_its_result(host: DurableHost) -> None:
    host.fail("echo")
    assert (await host.run("parent", instance_id="i")).status is Status.FAILED
    host.fail("echo", error=ConnectionError())
    await host.hub.rewind("the-child")
    assert (await host.settled("the-child")).status is Status.RUNNING
    with pytest.raises(NotFinished, match="the-child"):
        await host.hub.rewind("i")
    assert (await host.settled("i")).status is Status.FAILED
    await host.advance(minutes=1)
    assert (await host.settled("the-child")).status is Status.COMPLETED
    await host.hub.rewind("i")
    assert json.loads((await host.settled("i")).output or "") == ["one", "two"]
    assert said(host) == ["one", "one", "one", "two"]


async def test_a_child_that_outlives_its_parent_is_not_run_again(store: Store, compat: Compat) -> None:
    broken = [True]

    def outlived(context: df.DurableOrchestrationContext) -> Flow:
        child = context.call_sub_orchestrator("waits", None, "the-child")
        yield context.task_any([child, context.wait_for_external_event("hurry")])
        yield context.call_activity("nope" if broken else "echo", "x")
        return (yield child)

    functions = FunctionsInvoker({"outlived": outlived, "waits": waits}, {"echo": echo})
    async with durable_host(functions, store=store, compat=compat) as host:
        await host.run("outlived", instance_id="i")
        assert (await host.raise_event("i", "hurry")).status is Status.FAILED, "at once: the app has no such activity"
        broken.clear()
        with pytest.raises(NotFinished, match="the-child"):
            await host.hub.rewind("i")
        await host.raise_event("the-child", "go", "late")
        await host.hub.rewind("i")
        assert (await host.settled("i")).output == '"late"'
        assert sorted(said(host)) == ["late", "x"]


class Slow(MemoryStore):
    """Gives out the instance ``i`` late to the first who asks once it is told so."""

    def __init__(self) -> None:
        super().__init__()
        self.gate: asyncio.Event | None = None

    async def load(self, instance_id: str, now: datetime, *, history: bool = True) -> Loaded | None:
        loaded = await super().load(instance_id, now, history=history)
        if self.gate is not None and instance_id == "i":
            gate, self.gate = self.gate, None
            await gate.wait()
        return loaded


async def test_of_two_rewinds_at_once_one_is_too_late(compat: Compat) -> None:
    store, gate = Slow(), asyncio.Event()
    flows = {code.__name__: code for code in (parent, middle, calls)}
    async with durable_host(FunctionsInvoker(flows, {"echo": echo}), store=store, compat=compat) as host:
        host.fail("echo")
        assert (await host.run("parent", instance_id="i")).status is Status.FAILED
        store.gate = gate
        both = [asyncio.create_task(host.hub.rewind("i")) for _ in range(2)]
        for _ in range(20):
            await asyncio.sleep(0)
        gate.set()
        refused = [error for error in await asyncio.gather(*both, return_exceptions=True) if error is not None]
        assert json.loads((await host.settled("i")).output or "") == ["one", "two"]
        assert [type(error) for error in refused] == [NotFinished]


async def test_it_needs_an_end(host: DurableHost) -> None:
    await host.run("waits", instance_id="i")
    with pytest.raises(NotFinished):
        await host.hub.rewind("i")


async def test_a_result_of_the_old_execution_comes_too_late(store: Store, compat: Compat) -> None:
    broken, begun, gates, calls = [True], asyncio.Event(), [asyncio.Event(), asyncio.Event()], list[int]()

    def races(context: df.DurableOrchestrationContext) -> Flow:
        slow = context.call_activity("slow")
        yield context.task_any([slow, context.wait_for_external_event("go")])
        yield context.call_activity("nope" if broken else "quick")
        return (yield slow)

    async def slow(_: str) -> int:
        calls.append(len(calls))
        mine = calls[-1]
        begun.set()
        await gates[mine].wait()
        return mine

    invoker = FunctionsInvoker({"races": races}, {"slow": slow, "quick": echo})
    async with durable_host(invoker, store=store, compat=compat) as host:
        await host.hub.start("races", instance_id="i")
        await begun.wait()
        await host.hub.raise_event("i", "go")
        assert (await host.hub.wait("i", 1)).status is Status.FAILED, "at once: the app has no such activity"
        broken.clear()
        await host.hub.rewind("i")
        gates[0].set()
        gates[1].set()
        status = await host.settled("i")
        assert (status.status, status.output) == (Status.COMPLETED, "1")
        assert calls == [0, 1]


async def test_what_was_open_at_the_end_is_started_again(store: Store, compat: Compat) -> None:
    broken = [True]

    def naps(context: df.DurableOrchestrationContext) -> Flow:
        nap = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
        other = context.create_timer(context.current_utc_datetime + timedelta(hours=2))
        yield context.task_any([nap, other, context.wait_for_external_event("go")])
        other.cancel()
        yield context.call_activity("nope" if broken else "echo", "x")
        yield nap
        return "rested"

    async with durable_host(FunctionsInvoker({"naps": naps}, {"echo": echo}), store=store, compat=compat) as host:
        await host.run("naps", instance_id="i")
        assert (await host.raise_event("i", "go")).status is Status.FAILED
        broken.clear()
        await host.hub.rewind("i")
        assert (await host.settled("i")).status is Status.RUNNING
        await host.advance(hours=1)
        assert (await host.settled("i")).output == '"rested"'
