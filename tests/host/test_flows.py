"""Whole orchestrations on the real SDK: over both stores, in both compatibility modes, on the virtual clock."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import pytest

from host.model import EventKind, Status
from host.options import Compat
from host.store import Store
from host.testing import DurableHost, FunctionsInvoker, durable_host

pytestmark = pytest.mark.usefixtures("sessions")

Flow = Generator[Any, Any, Any]


def sequence(context: df.DurableOrchestrationContext) -> Flow:
    out = []
    for city in ("Tokyo", "Seattle", "London"):
        greeting = yield context.call_activity("hello", city)
        out.append(greeting)
    return out


def fan(context: df.DurableOrchestrationContext) -> Flow:
    squares = yield context.task_all([context.call_activity("Square", i) for i in range(context.get_input()["n"])])
    return sum(squares)


def approval(context: df.DurableOrchestrationContext) -> Flow:
    context.set_custom_status({"step": "review"})
    timer = context.create_timer(context.current_utc_datetime + timedelta(days=7))
    approved = context.wait_for_external_event("Approve")
    winner = yield context.task_any([approved, timer])
    if winner == approved:
        timer.cancel()
        return {"approved": approved.result}
    return "timed out"


def retrying(context: df.DurableOrchestrationContext) -> Flow:
    options = df.RetryOptions(first_retry_interval_in_milliseconds=50_000, max_number_of_attempts=3)
    first = yield context.call_activity_with_retry("flaky", options, 2)
    try:
        yield context.call_activity_with_retry("boom", options)
    except Exception as error:
        return [first, str(error).split("\n")[0]]


def parent(context: df.DurableOrchestrationContext) -> Flow:
    children = [context.call_sub_orchestrator("sequence"), context.call_sub_orchestrator("fan", {"n": 3}, "child")]
    return (yield context.task_all(children))


def failing_parent(context: df.DurableOrchestrationContext) -> Flow:
    try:
        yield context.call_sub_orchestrator("failing")
    except Exception as error:
        return str(error).strip()


def failing(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_activity("hello", "x")
    raise ValueError("no luck")


def with_entity(context: df.DurableOrchestrationContext) -> Flow:
    counter = df.EntityId("Counter", "K1")
    context.signal_entity(counter, "add", 5)
    yield context.call_entity(counter, "add", 2)
    value = yield context.call_entity(counter, "get")
    try:
        yield context.call_entity(counter, "explode")
    except Exception as error:
        return [value, str(error)]


def eternal(context: df.DurableOrchestrationContext) -> Flow:
    n = context.get_input()
    yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    if n >= 3:
        return f"stopped at {n}"
    context.continue_as_new(n + 1)


def immediate(context: df.DurableOrchestrationContext) -> str:
    return f"got {context.get_input()}"


def abandons(context: df.DurableOrchestrationContext) -> Flow:
    timer = context.create_timer(context.current_utc_datetime + timedelta(days=1))
    done = context.call_activity("hello", "x")
    yield context.task_any([done, timer])
    return "early"


def lost(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_activity("hullo", "x")


def chatty(context: df.DurableOrchestrationContext) -> Flow:
    context.set_custom_status(context.get_input())
    yield context.call_activity("hello", "x")


def two_events(context: df.DurableOrchestrationContext) -> Flow:
    first = yield context.wait_for_external_event("e")
    second = yield context.wait_for_external_event("f")
    return [first, second]


def counter(context: df.DurableEntityContext) -> None:
    value = context.get_state(lambda: 0)
    if context.operation_name == "add":
        value += context.get_input()
    elif context.operation_name == "explode":
        raise RuntimeError("entity boom")
    context.set_state(value)
    context.set_result(value)


def hello(city: str) -> str:
    return f"Hello {city}!"


def square(n: int) -> int:
    return n * n


def boom(_: object) -> None:
    raise ValueError("boom")


class Flaky:
    """Fails as often as its argument says."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, failures: int) -> str:
        self.calls += 1
        if self.calls <= failures:
            raise ValueError(f"flaky {self.calls}")
        return f"ok after {self.calls}"


ORCHESTRATORS = (
    sequence,
    fan,
    approval,
    retrying,
    parent,
    failing_parent,
    failing,
    with_entity,
    eternal,
    immediate,
    abandons,
    lost,
    chatty,
    two_events,
)


@pytest.fixture
async def host(store: Store, compat: Compat) -> AsyncIterator[DurableHost]:
    invoker = FunctionsInvoker(
        orchestrators={code.__name__: code for code in ORCHESTRATORS},
        activities={"hello": hello, "square": square, "boom": boom, "flaky": Flaky()},
        entities={"counter": counter},
    )
    async with durable_host(invoker, store=store, compat=compat) as host:
        yield host


async def test_sequence(host: DurableHost) -> None:
    status = await host.run("sequence")
    assert status.status is Status.COMPLETED
    assert json.loads(status.output or "") == ["Hello Tokyo!", "Hello Seattle!", "Hello London!"]


async def test_fan_out_matches_names_in_any_case(host: DurableHost) -> None:
    assert (await host.run("FAN", {"n": 20})).output == "2470"


async def test_an_orchestrator_without_yield_completes_in_one_turn(host: DurableHost) -> None:
    assert (await host.run("immediate", 5)).output == '"got 5"'


async def test_an_event_beats_the_timer(host: DurableHost) -> None:
    status = await host.run("approval")
    assert status.status is Status.RUNNING
    assert status.custom_status == '{"step": "review"}'
    await host.advance(days=6, hours=23)
    status = await host.raise_event(status.instance_id, "Approve", {"by": "a"})
    assert json.loads(status.output or "") == {"approved": {"by": "a"}}


async def test_the_timer_beats_the_event_at_its_own_instant(host: DurableHost) -> None:
    begun = await host.run("approval")
    await host.advance(days=7, seconds=-1)
    assert (await host.settled(begun.instance_id)).status is Status.RUNNING
    await host.advance(days=30)
    ended = await host.settled(begun.instance_id)
    assert ended.output == '"timed out"'
    assert ended.updated == begun.created + timedelta(days=7)


async def test_retries_wait_their_interval_and_end_with_the_error(host: DurableHost) -> None:
    status = await host.run("retrying")
    await host.advance(seconds=200)
    status = await host.settled(status.instance_id)
    assert json.loads(status.output or "") == ["ok after 3", "Activity function 'boom' failed:  ValueError: boom "]
    history = await host.hub.history(status.instance_id)
    timers = [event for event in history if event["EventType"] == EventKind.TIMER_CREATED]
    assert len(timers) == 5, "two after the flaky one, three after the other: the last one is a dummy"


async def test_sub_orchestrations(host: DurableHost) -> None:
    status = await host.run("parent")
    assert json.loads(status.output or "") == [["Hello Tokyo!", "Hello Seattle!", "Hello London!"], 5]
    child = await host.hub.status("child")
    assert child is not None
    assert child.parent is not None
    assert child.parent.instance == status.instance_id


async def test_a_failed_child_raises_its_text_in_the_parent(host: DurableHost) -> None:
    status = await host.run("failing_parent")
    assert json.loads(status.output or "") == "Orchestrator function 'failing' failed: no luck"


async def test_a_failed_orchestrator_keeps_type_and_frames(host: DurableHost) -> None:
    status = await host.run("failing")
    assert status.status is Status.FAILED
    assert json.loads(status.output or "") == "Orchestrator function 'failing' failed: no luck"
    assert status.failure is not None
    assert status.failure.type == "ValueError"


async def test_entities_answer_in_order_and_with_errors(host: DurableHost) -> None:
    status = await host.run("with_entity")
    assert json.loads(status.output or "") == [7, "entity boom"]
    entity = await host.hub.read_entity("Counter", "K1")
    assert entity is not None
    assert entity.state == "7"


async def test_continue_as_new_starts_from_an_empty_history(host: DurableHost) -> None:
    begun = await host.run("eternal", 1)
    await host.advance(hours=5)
    status = await host.settled(begun.instance_id)
    assert status.output == '"stopped at 3"'
    assert status.execution_id != begun.execution_id
    history = await host.hub.history(begun.instance_id)
    assert sum(event["EventType"] == EventKind.EXECUTION_STARTED for event in history) == 1


async def test_completion_waits_for_open_tasks(host: DurableHost) -> None:
    status = await host.run("abandons")
    assert status.status is Status.RUNNING
    await host.advance(days=1)
    assert (await host.settled(status.instance_id)).output == '"early"'


async def test_an_unknown_activity_fails_the_instance_and_names_the_known_ones(host: DurableHost) -> None:
    status = await host.run("lost")
    assert status.status is Status.FAILED
    assert "no activity function named 'hullo'. Known: boom, flaky, hello, square." in (status.output or "")


@pytest.mark.parametrize("custom", ["x" * 8190, "\u65e5" * 8190, [1] * 4095])
async def test_a_custom_status_is_at_most_16_kb_of_utf_16(host: DurableHost, custom: Any) -> None:
    """As .NET writes it: two quotes or brackets and what is between, without spaces."""
    assert (await host.run("chatty", custom)).status is Status.COMPLETED
    longer = custom + custom[:1]
    assert (await host.run("chatty", longer)).status is Status.FAILED


async def test_a_result_of_a_failed_attempt_can_be_injected(host: DurableHost) -> None:
    host.fail("hello", times=1, error=ValueError("injected"))
    status = await host.run("sequence")
    assert "Activity function 'hello' failed:  ValueError: injected" in (status.output or "")


async def test_a_worker_that_dies_has_its_activity_run_again(host: DurableHost) -> None:
    host.fail("hello", times=2, error=ConnectionError("killed"))
    begun = await host.run("sequence")
    assert begun.status is Status.RUNNING
    await host.advance(minutes=1)
    assert (await host.settled(begun.instance_id)).status is Status.COMPLETED
