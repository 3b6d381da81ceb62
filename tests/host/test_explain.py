"""Why instances wait and fail, in both compatibility modes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import pytest

from host.engine import Retry
from host.explain import Code, Explanation, OpenKind, OpenTask
from host.http.waits import task_words, waiting_view
from host.model import Event, Status
from host.options import Compat
from host.store import Store
from host.store.memory import MemoryStore
from host.testing import DurableHost, FunctionsInvoker, durable_host

Flow = Generator[Any, Any, Any]


def deadlines(context: df.DurableOrchestrationContext) -> Flow:
    """Cancels the first timer, then waits for the second one."""
    first = context.create_timer(context.current_utc_datetime + timedelta(days=1))
    yield context.task_any([context.wait_for_external_event("go"), first])
    first.cancel()
    second = context.create_timer(context.current_utc_datetime + timedelta(days=2))
    yield context.task_any([context.wait_for_external_event("done"), second])


def calling(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_entity(df.EntityId("Counter", "k"), "add", 1)


def working(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_activity("work")


def parent(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_sub_orchestrator("waiting", None, "child")


def waiting(context: df.DurableOrchestrationContext) -> Flow:
    yield context.wait_for_external_event("go")


def leaving(context: df.DurableOrchestrationContext) -> Flow:
    """Ends, or fails, beside a timer that it has not cancelled."""
    timer = context.create_timer(context.current_utc_datetime + timedelta(days=1))
    yield context.task_any([context.wait_for_external_event("go"), timer])
    if context.get_input() == "fail":
        raise KeyError("canary-value")


def going_on(context: df.DurableOrchestrationContext) -> Flow:
    """The second task_any is sent as one of ``c`` alone: on Azure the activity is not started before ``c``."""
    slow = context.wait_for_external_event("slow")
    b = context.wait_for_external_event("b")
    yield context.task_any([slow, b])
    yield context.task_any([b, context.wait_for_external_event("c")])
    yield context.call_activity("held")


def idling(context: df.DurableOrchestrationContext) -> Flow:
    """Waits for nothing."""
    timer = context.create_timer(context.current_utc_datetime + timedelta(days=1))
    if context.get_input() == "timer":
        timer.cancel()
        yield timer
    yield None


def failing(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_activity("boom", "canary-value")


def failing_parent(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_sub_orchestrator("failing", None, "failing-child")


def translating(context: df.DurableOrchestrationContext) -> Flow:
    try:
        yield context.call_activity("boom", "canary-value")
    except Exception:
        raise LookupError("of its own") from None


def boom(text: str) -> None:
    raise ValueError(text)


def counter(context: df.DurableEntityContext) -> None:
    context.set_result(1)


class Gate:
    """Of the activity ``held``: whether it has begun, and may end."""

    def __init__(self) -> None:
        self.begun, self.open = asyncio.Event(), asyncio.Event()

    async def hold(self, _: object) -> None:
        self.begun.set()
        await self.open.wait()


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
async def host(store: Store, compat: Compat, gate: Gate) -> AsyncIterator[DurableHost]:
    flows = (
        deadlines,
        calling,
        working,
        parent,
        waiting,
        leaving,
        going_on,
        idling,
        failing,
        failing_parent,
        translating,
    )
    invoker = FunctionsInvoker(
        {code.__name__: code for code in flows},
        {"work": lambda _: None, "boom": boom, "held": gate.hold},
        {"Counter": counter},
    )
    async with durable_host(invoker, store=store, compat=compat) as host:
        yield host


async def explained(host: DurableHost, instance: str, *, replay: bool = False) -> Explanation:
    return await host.hub.explainer.explain(await host.settled(instance), replay=replay)


async def test_a_cancelled_timer_is_not_open(host: DurableHost) -> None:
    begun = (await host.run("deadlines")).instance_id
    (first,) = (await explained(host, begun)).tasks
    assert (first.kind, first.due) == (OpenKind.TIMER, host.clock.now() + timedelta(days=1))
    await host.raise_event(begun, "go")
    (second,) = (await explained(host, begun)).tasks
    assert (second.kind, second.due) == (OpenKind.TIMER, host.clock.now() + timedelta(days=2))


class CountingStore(MemoryStore):
    """Counts histories that are read."""

    histories = 0

    async def history(self, instance_id: str) -> tuple[Event, ...]:
        self.histories += 1
        return await super().history(instance_id)


async def test_a_list_reads_no_history_of_what_is_explained_without(compat: Compat) -> None:
    store = CountingStore()
    invoker = FunctionsInvoker({"deadlines": deadlines, "waiting": waiting, "parent": parent})
    async with durable_host(invoker, store=store, compat=compat) as host:
        for name in ("deadlines", "waiting", "parent"):
            await host.run(name, None, name)
        store.histories = 0
        for name, read in (("deadlines", 0), ("waiting", 0), ("parent", 1)):
            await explained(host, name)
            assert store.histories == read


async def test_an_open_sub_orchestration_has_its_id(host: DurableHost) -> None:
    begun = (await host.run("parent")).instance_id
    (task,) = (await explained(host, begun)).tasks
    assert (task.kind, task.name, task.target) == (OpenKind.CHILD, "waiting", "child")
    await host.raise_event("child", "go")
    assert (await explained(host, begun)).tasks == ()


async def test_an_open_entity_call_tells_that_the_entity_is_tried_again(host: DurableHost) -> None:
    host.fail("Counter", times=2, error=ConnectionError("canary-value"))
    begun = (await host.run("calling")).instance_id
    (task,) = (await explained(host, begun)).tasks
    assert (task.kind, task.name, task.target) == (OpenKind.ENTITY, "add", "@counter@k")
    assert task.retry == Retry(1, "ConnectionError", host.clock.now() + timedelta(seconds=2))
    await host.advance(minutes=1)
    assert (await explained(host, begun)).tasks == ()


async def test_an_activity_that_is_tried_again_tells_when_and_why(host: DurableHost) -> None:
    host.fail("work", times=2, error=ConnectionError("canary-value"))
    begun = (await host.run("working")).instance_id
    await host.advance(seconds=2)
    (task,) = (await explained(host, begun)).tasks
    assert (task.kind, task.name) == (OpenKind.ACTIVITY, "work")
    assert task.retry == Retry(2, "ConnectionError", host.clock.now() + timedelta(seconds=4))
    await host.advance(minutes=1)
    assert await explained(host, begun) == Explanation()


async def test_a_turn_that_is_tried_again_tells_when_and_why(host: DurableHost) -> None:
    host.fail("waiting", error=ConnectionError("canary-value"))
    begun = (await host.run("waiting")).instance_id
    assert (await explained(host, begun)).retry == Retry(1, "ConnectionError", host.clock.now() + timedelta(seconds=2))
    await host.advance(minutes=1)
    assert (await explained(host, begun)).retry is None


async def test_code_that_may_hang_is_not_run_beside_its_turn(store: Store) -> None:
    begun, end = threading.Event(), threading.Event()

    def hanging(context: df.DurableOrchestrationContext) -> Flow:
        yield context.wait_for_external_event("go")
        begun.set()
        end.wait()

    async with durable_host(FunctionsInvoker({"hanging": hanging}), store=store) as host:
        await host.run("hanging", None, "h")
        await host.hub.raise_event("h", "go")
        await asyncio.to_thread(begun.wait)
        host.invoker.calls.clear()
        status = await host.hub.status("h")
        assert status is not None
        explanation = await host.hub.explainer.explain(status, replay=True)
        assert explanation.busy
        assert waiting_view(status, explanation)["turn"] == "its turn is under way"
        assert host.invoker.calls == []
        end.set()
        await host.hub.idle()
        assert not (await explained(host, "h")).busy


async def test_events_that_nobody_waits_for_are_shown(host: DurableHost) -> None:
    begun = (await host.run("waiting")).instance_id
    await host.raise_event(begun, "later")
    await host.raise_event(begun, "later")
    assert (await explained(host, begun, replay=True)).held == {"later": 2}


async def test_what_waits_for_a_resume_is_told(host: DurableHost) -> None:
    begun = (await host.run("going_on")).instance_id
    await host.raise_event(begun, "slow")
    await host.hub.suspend(begun)
    await host.raise_event(begun, "c")
    explanation = await explained(host, begun, replay=True)
    assert explanation.held == {"c": 1}
    assert explanation.code is None


async def test_an_activity_that_has_ended_while_suspended_is_not_open(host: DurableHost, gate: Gate) -> None:
    begun = (await host.run("going_on")).instance_id
    await host.raise_event(begun, "slow")
    await host.hub.raise_event(begun, "c")
    await gate.begun.wait()
    status = await host.hub.status(begun)
    assert status is not None
    (task,) = (await host.hub.explainer.explain(status)).tasks
    assert (task.kind, task.name) == (OpenKind.ACTIVITY, "held")
    await host.hub.suspend(begun)
    gate.open.set()
    assert (await explained(host, begun)).tasks == ()


@pytest.mark.parametrize(("data", "code"), [("end", Code.ENDED), ("fail", Code.RAISED)])
async def test_code_that_has_ended_beside_open_tasks_is_told(host: DurableHost, data: str, code: Code) -> None:
    begun = (await host.run("leaving", data)).instance_id
    assert (await explained(host, begun, replay=True)).code is None
    await host.raise_event(begun, "go")
    explanation = await explained(host, begun, replay=True)
    assert explanation.code is code
    assert [task.kind for task in explanation.tasks] == [OpenKind.TIMER]


async def test_code_that_is_ahead_of_what_azure_starts_is_told(host: DurableHost, compat: Compat, gate: Gate) -> None:
    gate.open.set()
    begun = (await host.run("going_on")).instance_id
    await host.raise_event(begun, "slow")
    await host.raise_event(begun, "b")
    explanation = await explained(host, begun, replay=True)
    assert explanation.code is (Code.AHEAD if compat == "azure" else None)


@pytest.mark.parametrize("data", [None, "timer"])
async def test_code_that_waits_for_nothing_is_told(host: DurableHost, data: str | None) -> None:
    begun = (await host.run("idling", data)).instance_id
    assert (await host.settled(begun)).status is Status.RUNNING
    assert (await explained(host, begun, replay=True)).code is Code.NOTHING


@pytest.mark.parametrize("name", ["calling", "parent", "waiting", "deadlines"])
async def test_code_that_waits_for_something_is_not(host: DurableHost, name: str) -> None:
    host.fail("Counter", error=ConnectionError("killed"))
    begun = (await host.run(name)).instance_id
    explanation = await explained(host, begun, replay=True)
    assert explanation.tasks or (await host.settled(begun)).waits
    assert explanation.code is None


async def test_a_replay_for_an_explanation_changes_nothing(host: DurableHost) -> None:
    begun = (await host.run("deadlines")).instance_id
    before = await host.hub.history(begun)
    host.invoker.calls.clear()
    await explained(host, begun)
    assert host.invoker.calls == []
    await explained(host, begun, replay=True)
    assert [call.name for call in host.invoker.calls] == ["deadlines"]
    assert await host.hub.history(begun) == before


@pytest.mark.parametrize(("name", "instance"), [("failing", "f"), ("failing_parent", "failing-child")])
async def test_a_failure_is_that_of_the_activity_behind_it(host: DurableHost, name: str, instance: str) -> None:
    status = await host.run(name, None, "f")
    assert status.failure is not None
    assert status.failure.type == "Exception", "the SDK's"
    cause = (await explained(host, "f")).cause
    assert cause is not None
    assert (cause.instance, cause.kind, cause.name) == (instance, OpenKind.ACTIVITY, "boom")
    assert cause.failure.type == "ValueError"
    assert cause.failure.frames[-1].endswith(":boom")


async def test_an_exception_of_the_code_is_its_own_cause(host: DurableHost) -> None:
    status = await host.run("translating")
    assert status.failure is not None
    assert status.failure.type == "LookupError"
    assert (await explained(host, status.instance_id)).cause is None


async def test_many_tasks_are_told_in_few_words(host: DurableHost) -> None:
    now = host.clock.now()
    retry = Retry(3, "ConnectionError", now)
    tasks = [OpenTask(kind=OpenKind.ACTIVITY, task=number, name="work") for number in range(1200)]
    tasks.append(OpenTask(kind=OpenKind.ACTIVITY, task=1200, name="work", retry=retry))
    tasks += [OpenTask(kind=OpenKind.TIMER, task=1300 + hour, due=now + timedelta(hours=hour)) for hour in range(6)]
    tasks.append(OpenTask(kind=OpenKind.CHILD, task=1400, name="flow", target="c-1"))
    tasks.append(OpenTask(kind=OpenKind.ENTITY, task=1500, name="add", target="@counter@k"))
    assert list(task_words(tasks)) == [
        "1,200 × activity work",
        "activity work, tried again at 2026-01-05T09:00:00Z (failed 3 times: ConnectionError)",
        "sub-orchestration flow c-1",
        "entity @counter@k (add)",
        "timer until 2026-01-05T09:00:00Z",
        "timer until 2026-01-05T10:00:00Z",
        "timer until 2026-01-05T11:00:00Z",
        "3 later timers",
    ]
