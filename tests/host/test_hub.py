"""The verbs of the task hub: what they do, and how each refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Generator
from datetime import datetime, timedelta
from typing import Any

import azure.durable_functions as df
import pytest

from host.clock import SystemClock
from host.engine import PATIENCE
from host.errors import (
    AlreadyFinished,
    AlreadyRunning,
    InvalidInstanceId,
    NotFinished,
    UnknownFunction,
    UnknownInstance,
    WrongState,
)
from host.invocation import FunctionFailed
from host.model import EventKind, InstanceQuery, InstanceStatus, Status
from host.options import Compat, HubOptions
from host.store import Store
from host.store.base import Loaded, Message
from host.store.memory import MemoryStore
from host.testing import DurableHost, FunctionsInvoker, durable_host

Flow = Generator[Any, Any, Any]


def waits(context: df.DurableOrchestrationContext) -> Flow:
    event = yield context.wait_for_external_event("go")
    return (yield context.call_activity("echo", event))


def calls(context: df.DurableOrchestrationContext) -> Flow:
    first = yield context.call_activity("echo", "one")
    second = yield context.call_activity("echo", "two")
    return [first, second, context.version]


def parent(context: df.DurableOrchestrationContext) -> Flow:
    return (yield context.call_sub_orchestrator("calls", instance_id="the-child"))


def timer(context: df.DurableOrchestrationContext) -> Flow:
    yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    return str(context.current_utc_datetime)


def calls_no_activity(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_activity("nope")


def calls_no_child(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_sub_orchestrator("nope")


def retries_no_child(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_sub_orchestrator_with_retry("nope", df.RetryOptions(1000, 3))


def calls_no_entity(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_entity(df.EntityId("nope", "k"), "add", 1)


def signals_no_entity(context: df.DurableOrchestrationContext) -> Flow:
    context.signal_entity(df.EntityId("nope", "k"), "add", 1)
    yield context.wait_for_external_event("go")


def echo(value: str) -> str:
    return value


def counter(context: df.DurableEntityContext) -> None:
    if context.operation_name == "delete":
        context.destruct_on_exit()
        return
    context.set_state(context.get_state(lambda: 0) + context.get_input())


def _invoker() -> FunctionsInvoker:
    unknown = (calls_no_activity, calls_no_child, retries_no_child, calls_no_entity, signals_no_entity)
    flows = {code.__name__: code for code in (waits, calls, parent, timer, *unknown)}
    return FunctionsInvoker(flows, {"echo": echo}, {"counter": counter})


@pytest.fixture
async def host(store: Store, compat: Compat) -> AsyncIterator[DurableHost]:
    async with durable_host(_invoker(), store=store, compat=compat) as host:
        yield host


async def test_start_refuses_an_unknown_function_and_names_the_known(host: DurableHost) -> None:
    with pytest.raises(UnknownFunction, match=r"no orchestrator function named 'nope'. Known: calls, .*, waits\."):
        await host.hub.start("nope")


@pytest.mark.parametrize("instance_id", ["a b", "a\u00a0b", "1\u200b@"])
async def test_start_takes_an_id_that_azure_takes(host: DurableHost, instance_id: str) -> None:
    assert (await host.run("calls", instance_id=instance_id)).instance_id == instance_id


@pytest.mark.parametrize("key", ["a/b", "a\\b", "a#", "a?", "a\n", "\x9f"])
async def test_a_signal_refuses_a_key_that_azure_forbids(host: DurableHost, key: str) -> None:
    with pytest.raises(InvalidInstanceId, match="key"):
        await host.hub.signal_entity("counter", key, "add", "1")


@pytest.mark.parametrize("instance_id", ["", "@x", "a/b", "a\\b", "a#", "a?", "a\n", "x" * 257])
async def test_start_refuses_an_id_that_azure_forbids(host: DurableHost, instance_id: str) -> None:
    with pytest.raises(InvalidInstanceId):
        await host.hub.start("calls", instance_id=instance_id)


async def test_start_refuses_a_running_id_and_on_azure_replaces_an_ended_one(
    host: DurableHost, compat: Compat, caplog: pytest.LogCaptureFixture
) -> None:
    first = await host.run("waits", instance_id="i")
    with pytest.raises(AlreadyRunning, match="status Running already exists"):
        await host.hub.start("waits", instance_id="i")
    await host.raise_event("i", "go", "x")
    if compat == "fixed":
        with pytest.raises(AlreadyRunning, match="status Completed already exists"):
            await host.hub.start("waits", instance_id="i")
        return
    second = await host.run("waits", instance_id="i")
    assert second.status is Status.RUNNING
    assert second.execution_id != first.execution_id
    assert "rerun: instance i had ended as Completed" in caplog.text


async def test_any_state_lets_a_start_replace_a_live_instance(store: Store, compat: Compat) -> None:
    options = HubOptions(compat=compat, any_state=True)
    async with durable_host(_invoker(), store=store, options=options) as host:
        first = await host.run("waits", instance_id="i")
        second = await host.run("waits", {"a": 1}, "i")
        assert (second.status, second.input) == (Status.RUNNING, '{"a": 1}')
        assert second.execution_id != first.execution_id
        await host.hub.suspend("i")
        assert (await host.run("waits", instance_id="i")).status is Status.RUNNING
        ended = await host.raise_event("i", "go", "x")
        assert (ended.status, ended.output) == (Status.COMPLETED, '"x"')
        assert (await host.run("waits", instance_id="i")).status is Status.RUNNING


async def test_too_many_actions_fail_an_instance(store: Store) -> None:
    async with durable_host(_invoker(), store=store, options=HubOptions(max_actions=2)) as host:
        assert (await host.run("calls")).status is Status.COMPLETED
    async with durable_host(_invoker(), store=store, options=HubOptions(max_actions=1)) as host:
        ended = await host.run("calls")
        assert ended.status is Status.FAILED
        assert "It has more than 1 actions, which maxOrchestrationActions" in (ended.output or "")


@pytest.mark.parametrize(
    ("flow", "sentence"),
    [
        ("calls_no_activity", "no activity function named 'nope'. Known: echo."),
        ("calls_no_child", "no orchestrator function named 'nope'. Known: calls, calls_no_activity, calls_no_child, "),
        ("retries_no_child", "no orchestrator function named 'nope'. Known: calls, "),
        ("calls_no_entity", "no entity function named 'nope'. Known: counter."),
        ("signals_no_entity", "no entity function named 'nope'. Known: counter."),
    ],
)
async def test_a_name_that_no_function_has_fails_the_instance_at_once(
    host: DurableHost, flow: str, sentence: str
) -> None:
    ended = await host.run(flow)
    assert ended.status is Status.FAILED
    assert json.loads(ended.output or "").startswith(f"Orchestrator function '{flow}' failed: The app has {sentence}")


async def test_events_need_a_live_instance(host: DurableHost) -> None:
    with pytest.raises(UnknownInstance):
        await host.hub.raise_event("nobody", "go")
    await host.run("calls", instance_id="i")
    with pytest.raises(AlreadyFinished, match="ended with status Completed"):
        await host.hub.raise_event("i", "go")


async def test_terminate_ends_with_its_reason(host: DurableHost) -> None:
    await host.run("waits", instance_id="i")
    await host.hub.terminate("i", "enough")
    status = await host.settled("i")
    assert (status.status, status.output) == (Status.TERMINATED, '"enough"')
    with pytest.raises(AlreadyFinished):
        await host.hub.terminate("i")


async def test_a_terminated_child_fails_in_its_parent(host: DurableHost) -> None:
    host.fail("echo", times=1, error=ConnectionError())
    begun = await host.run("parent")
    await host.hub.terminate("the-child", "enough")
    ended = await host.settled(begun.instance_id)
    assert ended.output is not None
    assert json.loads(ended.output).startswith("Orchestrator function 'parent' failed: enough")


async def test_suspend_holds_all_that_comes_until_resume(host: DurableHost) -> None:
    await host.run("waits", instance_id="i")
    await host.hub.suspend("i", "pause")
    assert (await host.settled("i")).status is Status.SUSPENDED
    with pytest.raises(WrongState):
        await host.hub.suspend("i")
    assert (await host.raise_event("i", "go", "x")).status is Status.SUSPENDED
    await host.hub.resume("i", "on")
    ended = await host.settled("i")
    assert (ended.status, ended.output) == (Status.COMPLETED, '"x"')
    kinds = [event["EventType"] for event in await host.hub.history("i")]
    assert EventKind.SUSPENDED in kinds
    assert kinds.index(EventKind.SUSPENDED) < kinds.index(EventKind.RESUMED) < kinds.index(EventKind.EVENT_RAISED)


class FullOnce(MemoryStore):
    """Refuses the first result of an activity that is put into an inbox."""

    def __init__(self) -> None:
        super().__init__()
        self.refused = False

    async def post(self, message: Message) -> Status | None:
        if message.event.kind is EventKind.TASK_COMPLETED and not self.refused:
            self.refused = True
            raise OSError("the disk is full")
        return await super().post(message)


async def test_a_result_that_the_store_refused_while_its_instance_was_suspended_is_kept() -> None:
    store, begun, go_on = FullOnce(), asyncio.Event(), asyncio.Event()

    async def echo(value: Any) -> Any:
        begun.set()
        await go_on.wait()
        return value

    invoker = FunctionsInvoker(orchestrators={"calls": calls}, activities={"echo": echo})
    async with durable_host(invoker, store=store) as host:
        await host.hub.start("calls", instance_id="i")
        await begun.wait()
        await host.hub.suspend("i")
        go_on.set()
        await host.settled("i")
        await host.advance(minutes=2)
        assert store.refused
        await host.hub.resume("i")
        assert (await host.settled("i")).status is Status.COMPLETED


async def test_a_timer_fires_into_the_queue_of_a_suspended_instance(host: DurableHost) -> None:
    await host.run("timer", instance_id="i")
    await host.hub.suspend("i")
    await host.advance(hours=3)
    assert (await host.settled("i")).status is Status.SUSPENDED
    await host.hub.resume("i")
    assert (await host.settled("i")).status is Status.COMPLETED


async def test_a_suspended_instance_can_be_terminated_and_a_running_one_not_resumed(host: DurableHost) -> None:
    await host.run("waits", instance_id="i")
    with pytest.raises(WrongState):
        await host.hub.resume("i")
    await host.hub.suspend("i")
    await host.hub.terminate("i")
    assert (await host.settled("i")).status is Status.TERMINATED


async def test_an_instance_suspended_before_its_first_turn_starts_at_resume(host: DurableHost) -> None:
    instance = await host.hub.start("calls")
    await host.hub.suspend(instance)
    assert (await host.settled(instance)).status is Status.SUSPENDED
    await host.hub.resume(instance)
    assert (await host.settled(instance)).status is Status.COMPLETED


async def test_restart_repeats_name_and_input(host: DurableHost) -> None:
    first = await host.run("calls", {"a": 1})
    again = await host.hub.restart(first.instance_id)
    assert again != first.instance_id
    status = await host.settled(again)
    assert (status.name, status.input, status.status) == ("calls", '{"a": 1}', Status.COMPLETED)
    assert await host.hub.restart(first.instance_id, new_id=False) == first.instance_id
    with pytest.raises(UnknownInstance):
        await host.hub.restart("nobody")


async def test_a_restart_takes_the_version_of_the_host_as_on_azure(store: Store) -> None:
    async with durable_host(_invoker(), store=store, options=HubOptions(default_version="1.0")) as host:
        await host.run("calls", instance_id="i")
    async with durable_host(_invoker(), store=store, options=HubOptions(default_version="2.0")) as host:
        for new_id in (True, False):
            again = await host.settled(await host.hub.restart("i", new_id))
            assert json.loads(again.output or "") == ["one", "two", "2.0"]


async def test_purge_wants_the_end(host: DurableHost) -> None:
    await host.run("waits", instance_id="open")
    await host.run("calls", instance_id="done")
    with pytest.raises(NotFinished):
        await host.hub.purge("open")
    assert await host.hub.purge("nobody") == 0
    assert await host.hub.purge_where(InstanceQuery()) == 1
    assert await host.hub.status("done") is None
    assert await host.hub.history("done") == []


async def test_wait_returns_at_the_end_or_at_the_timeout(host: DurableHost) -> None:
    await host.run("waits", instance_id="i")
    waiting = asyncio.create_task(host.hub.wait("i", 60))
    await host.advance(seconds=61)
    assert (await waiting).status is Status.RUNNING
    waiting = asyncio.create_task(host.hub.wait("i", 60))
    await asyncio.sleep(0)
    await host.raise_event("i", "go", "x")
    assert (await waiting).status is Status.COMPLETED
    assert (await host.hub.wait("i", 60)).status is Status.COMPLETED
    with pytest.raises(UnknownInstance):
        await host.hub.wait("nobody", 1)


async def test_the_end_of_a_live_instance_is_awaited_without_a_read(
    host: DurableHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    await host.run("waits", instance_id="i")
    monkeypatch.delattr(type(host.hub._store), "get")
    waiting = asyncio.create_task(host.hub.wait("i", 60))
    await asyncio.sleep(0)
    await host.hub.raise_event("i", "go", '"x"')
    assert (await waiting).status is Status.COMPLETED


async def test_signals_reach_entities_in_order_and_a_deleted_one_is_gone(host: DurableHost) -> None:
    for number in (1, 2, 3):
        await host.hub.signal_entity("Counter", "Key", "add", str(number))
    await host.hub.idle()
    entity = await host.hub.read_entity("counter", "Key")
    assert entity is not None
    assert (entity.name, entity.key, entity.state) == ("counter", "Key", "6")
    await host.hub.signal_entity("counter", "Key", "delete")
    await host.hub.idle()
    assert await host.hub.read_entity("counter", "Key") is None
    with pytest.raises(UnknownFunction):
        await host.hub.signal_entity("nope", "k", "add")


async def test_what_an_earlier_deployment_left_waits_and_is_named(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async with durable_host(_invoker(), store=store) as host:
        host.fail("echo", times=1, error=ConnectionError())
        host.fail("counter", times=1, error=ConnectionError())
        await host.run("calls", instance_id="i")
        await host.hub.signal_entity("counter", "k", "add", "1")
        await host.hub.idle()
    async with durable_host(FunctionsInvoker({"calls": calls}), store=store) as host:
        assert (await host.settled("i")).status is Status.RUNNING
        assert "The app has no activity function named 'echo'. Known: none." in caplog.text
        assert "The app has no entity function named 'counter'. Known: none." in caplog.text
    async with durable_host(_invoker(), store=store) as host:
        assert (await host.settled("i")).status is Status.COMPLETED
        entity = await host.hub.read_entity("counter", "k")
        assert entity is not None
        assert entity.state == "1"


async def test_an_input_is_read_as_it_was_given_and_the_trace_goes_along(host: DurableHost) -> None:
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    await host.hub.start("waits", "[1]", "i", traceparent=parent)
    await host.raise_event("i", "go", "x")
    assert {call.traceparent for call in host.invoker.calls} == {parent}


@pytest.mark.parametrize(
    ("version", "options", "status"),
    [
        ("1.0", HubOptions(default_version="1.0"), Status.COMPLETED),
        ("1.0", HubOptions(default_version="1.1"), Status.COMPLETED),
        ("1.2", HubOptions(default_version="1.1"), Status.PENDING),
        ("1.0", HubOptions(default_version="1.1", version_match="Strict"), Status.PENDING),
        ("9", HubOptions(default_version="1", version_match="None"), Status.COMPLETED),
        ("1.2", HubOptions(default_version="1.1", version_failure="Fail"), Status.FAILED),
    ],
)
async def test_versions_decide_who_runs_here(version: str, options: HubOptions, status: Status) -> None:
    async with durable_host(_invoker(), options=options) as host:
        instance = await host.hub.start("calls", version=version)
        found = await host.settled(instance)
        assert found.status is status
        assert (found.blocked is not None) == (status is Status.PENDING)


async def test_a_start_without_version_takes_the_hosts(store: Store) -> None:
    async with durable_host(_invoker(), store=store, options=HubOptions(default_version="2.0")) as host:
        status = await host.run("calls")
        assert json.loads(status.output or "")[2] == status.version == "2.0"


async def test_a_blocked_instance_goes_on_under_a_host_that_may_run_it(store: Store) -> None:
    async with durable_host(_invoker(), store=store, options=HubOptions(default_version="1.0")) as host:
        await host.hub.start("calls", instance_id="i", version="2.0")
        assert (await host.settled("i")).blocked is not None
    async with durable_host(_invoker(), store=store, options=HubOptions(default_version="2.0")) as host:
        status = await host.settled("i")
        assert status.status is Status.COMPLETED
        assert status.blocked is None


async def test_changed_code_fails_the_instance_in_the_words_of_the_framework(store: Store, compat: Compat) -> None:
    def changed(context: df.DurableOrchestrationContext) -> Flow:
        yield context.call_activity("other")
        yield context.wait_for_external_event("go")

    def original(context: df.DurableOrchestrationContext) -> Flow:
        yield context.call_activity("echo", "x")
        yield context.wait_for_external_event("go")

    activities = {"echo": echo, "other": echo}
    async with durable_host(FunctionsInvoker({"f": original}, activities), store=store, compat=compat) as host:
        await host.run("f", instance_id="i")
    async with durable_host(FunctionsInvoker({"f": changed}, activities), store=store, compat=compat) as host:
        status = await host.raise_event("i", "go")
    assert status.status is Status.FAILED
    assert json.loads(status.output or "").startswith(
        "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled an activity task"
    )
    async with durable_host(FunctionsInvoker({"f": original}, activities), store=store, compat=compat) as host:
        await host.hub.rewind("i")
        assert (await host.settled("i")).status is Status.COMPLETED, "the old code can take it up again"


@pytest.mark.parametrize("end", ["terminated", "purged", "started again"])
async def test_an_activity_that_keeps_dying_is_given_up_when_nobody_waits_for_it(host: DurableHost, end: str) -> None:
    host.fail("echo", times=3, error=ConnectionError())
    await host.run("calls", instance_id="i")
    await host.hub.terminate("i")
    await host.hub.idle()
    if end == "purged":
        assert await host.hub.purge("i") == 1
    elif end == "started again":
        await host.hub.restart("i", new_id=False)
        await host.hub.idle()
    await host.advance(hours=1)
    tries = sum(call.name == "echo" for call in host.invoker.calls)
    assert tries == (1 if end != "started again" else 5), "the new execution: two that die, two that end"


async def test_a_new_host_takes_up_timers_and_activities(store: Store) -> None:
    async with durable_host(_invoker(), store=store) as host:
        await host.run("timer", instance_id="t")
        host.fail("echo", times=1, error=ConnectionError())
        await host.run("calls", instance_id="c")
    async with durable_host(_invoker(), store=store) as host:
        assert (await host.settled("c")).status is Status.COMPLETED
        await host.advance(hours=2)
        assert (await host.settled("t")).status is Status.COMPLETED


async def test_an_orchestrator_that_hangs_or_dies_is_tried_again_and_shown(host: DurableHost) -> None:
    host.fail("calls", times=4, error=ConnectionError())
    host.fail("calls", times=3, error=FunctionFailed("FunctionTimeoutException", "Timeout value of 1 was exceeded"))
    instance = await host.hub.start("calls")
    await host.advance(minutes=1)
    status = await host.settled(instance)
    assert status.status is Status.PENDING
    assert "could not be run to its end 5 times" in (status.blocked or "")
    await host.advance(minutes=5)
    status = await host.settled(instance)
    assert (status.status, status.blocked) == (Status.COMPLETED, None)


class AtFault(MemoryStore):
    """Answers nothing that a turn asks."""

    async def load(self, instance_id: str, now: datetime, *, history: bool = True) -> Loaded | None:
        raise OSError("canary-value")

    async def get(self, instance_id: str) -> InstanceStatus | None:
        raise OSError("canary-value")


async def test_a_turn_on_a_store_at_fault_is_tried_again_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    async with durable_host(_invoker(), store=AtFault()) as host:
        await host.hub.start("calls")
        await host.advance(minutes=5)
    assert caplog.text.count("could not take its turn (OSError), again in") > PATIENCE
    assert "restart the host" not in caplog.text


async def test_the_system_clock_fires_timers() -> None:
    def soon(context: df.DurableOrchestrationContext) -> Flow:
        yield context.create_timer(context.current_utc_datetime + timedelta(milliseconds=30))

    async with durable_host(FunctionsInvoker({"soon": soon}), clock=SystemClock()) as host:
        instance = await host.hub.start("soon")
        assert (await host.hub.wait(instance, 10)).status is Status.COMPLETED


async def test_a_child_id_that_runs_already(store: Store, compat: Compat, caplog: pytest.LogCaptureFixture) -> None:
    def again(context: df.DurableOrchestrationContext) -> Flow:
        yield context.call_sub_orchestrator("waits", instance_id="taken")

    async with durable_host(
        FunctionsInvoker({"again": again, "waits": waits}, {"echo": echo}), store=store, compat=compat
    ) as host:
        await host.run("waits", instance_id="taken")
        status = await host.run("again")
    assert "started child taken" in caplog.text
    assert status.status is (Status.FAILED if compat == "fixed" else Status.RUNNING)
