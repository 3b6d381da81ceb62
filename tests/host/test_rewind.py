"""A failed instance runs again from its last good step, as a new execution."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import pytest

from host.errors import NotFinished, UnknownInstance, WrongState
from host.model import Parent, Status
from host.options import Compat
from host.store import Store
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


def echo(value: str) -> str:
    return value


def counter(context: df.DurableEntityContext) -> None:
    count = context.get_state(lambda: 0) + context.get_input()
    context.set_state(count)
    context.set_result(count)


@pytest.fixture
async def host(store: Store, compat: Compat) -> AsyncIterator[DurableHost]:
    flows = {code.__name__: code for code in (calls, parent, middle, waits, asks)}
    invoker = FunctionsInvoker(flows, {"echo": echo}, {"counter": counter})
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
