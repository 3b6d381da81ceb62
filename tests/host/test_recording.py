"""Recorded histories replay over the code that made them, and show where changed code parts from them."""

from __future__ import annotations

import json
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import pytest

from host.model import EventKind, Status
from host.options import Compat, HubOptions
from host.recording import replay
from host.store import Store
from host.testing import FunctionsInvoker, durable_host

Flow = Generator[Any, Any, Any]
ENTITY = df.EntityId("counter", "k")


def flow(context: df.DurableOrchestrationContext) -> Flow:
    options = df.RetryOptions(first_retry_interval_in_milliseconds=1000, max_number_of_attempts=2)
    yield context.call_activity("echo", context.get_input())
    try:
        yield context.call_activity_with_retry("boom", options)
    except Exception:
        context.set_custom_status("boomed")
    timer = context.create_timer(context.current_utc_datetime + timedelta(days=1))
    event = context.wait_for_external_event("go")
    yield context.task_any([event, timer])
    timer.cancel()
    context.signal_entity(ENTITY, "add", 1)
    yield context.call_entity(ENTITY, "add", 1)
    return (yield context.call_sub_orchestrator("child", {"a": 1}))


def child(context: df.DurableOrchestrationContext) -> Flow:
    return (yield context.call_activity("echo", "x"))


def counter(context: df.DurableEntityContext) -> None:
    context.set_state(context.get_state(lambda: 0) + context.get_input())


def echo(value: object) -> object:
    return value


def boom(_: object) -> None:
    raise ValueError("boom")


@pytest.fixture
async def recorded(store: Store, compat: Compat) -> dict[str, Any]:
    invoker = FunctionsInvoker({"flow": flow, "child": child}, {"echo": echo, "boom": boom}, {"counter": counter})
    async with durable_host(invoker, store=store, compat=compat) as host:
        await host.run("flow", {"n": 1}, "i")
        await host.advance(minutes=1)
        await host.raise_event("i", "go", 1)
        recording = await host.record("i")
    loaded: dict[str, Any] = json.loads(json.dumps(recording))
    return loaded


async def test_a_recording_fits_the_code_that_made_it(recorded: dict[str, Any]) -> None:
    assert recorded["history"][-2]["OrchestrationStatus"] == "Completed"
    assert replay(recorded, flow) == []


async def test_a_decorated_function_is_taken_too(recorded: dict[str, Any]) -> None:
    decorated = df.DFApp().orchestration_trigger(context_name="context")(flow)
    assert replay(recorded, decorated) == []
    assert replay(recorded, decorated._function.get_user_function()) == []


async def test_the_first_step_that_changed_is_named(recorded: dict[str, Any]) -> None:
    def changed(context: df.DurableOrchestrationContext) -> Flow:
        yield context.call_activity("echo", context.get_input())
        yield context.call_activity("notify", "x")

    (found,) = replay(recorded, changed)
    assert str(found) == (
        "turn 2: task 1: the recording has an activity task named 'boom', "
        "the code now starts an activity task named 'notify'"
    )


async def test_a_changed_input_is_found(recorded: dict[str, Any]) -> None:
    def changed(context: df.DurableOrchestrationContext) -> Flow:
        yield context.call_activity("echo", "other")

    (found,) = replay(recorded, changed)
    assert "gets another input" in found.text
    assert found.turn == 1


async def test_an_earlier_end_is_found(recorded: dict[str, Any]) -> None:
    def changed(context: df.DurableOrchestrationContext) -> Flow:
        yield context.call_activity("echo", context.get_input())
        return 1

    texts = [found.text for found in replay(recorded, changed)]
    assert "the code now ends here, the recording goes on" in texts


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format 9"):
        replay({"format": 9}, flow)


# --- what the code was given


async def test_timers_that_were_split_fit(compat: Compat) -> None:
    def ten_days(context: df.DurableOrchestrationContext) -> Flow:
        yield context.create_timer(context.current_utc_datetime + timedelta(days=10))

    options = HubOptions(compat=compat, send_timer_spans=True)
    async with durable_host(FunctionsInvoker({"flow": ten_days}), options=options) as host:
        await host.run("flow", instance_id="i")
        await host.advance(days=10)
        assert len([event for event in await host.hub.history("i") if event["EventType"] == EventKind.TIMER_FIRED]) > 1
        assert replay(await host.record("i"), ten_days) == []


class Order:
    """What only a type-safe input gives under strict typing."""

    def __init__(self, count: int) -> None:
        self.count = count

    @staticmethod
    def to_json(order: Order) -> int:
        return order.count

    @staticmethod
    def from_json(count: int) -> Order:
        return Order(count)


async def test_the_input_has_the_type_that_the_trigger_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_FUNCTIONS_DURABLE_STRICT_TYPING", "1")
    app = df.DFApp()

    @app.orchestration_trigger(context_name="context", input_type=Order)
    def ordered(context: df.DurableOrchestrationContext) -> Flow:
        yield context.call_activity("echo", context.get_input().count)

    app.activity_trigger(input_name="value")(echo)
    async with durable_host(app) as host:
        ended = await host.run("ordered", {"__class__": "Order", "__module__": __name__, "__data__": 3}, "i")
        assert ended.status is Status.COMPLETED
        assert replay(await host.record("i"), ordered) == []


# --- code that has ended before its instance does


def gives_up(context: df.DurableOrchestrationContext) -> Flow:
    limit = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    yield context.task_any([context.wait_for_external_event("go"), limit])
    raise ValueError("given up")


def leaves_a_signal(context: df.DurableOrchestrationContext) -> Flow:
    call = context.call_activity("echo", 1)
    yield call
    yield context.task_any([call, context.wait_for_external_event("go")])  # Azure awaits the event before the signal
    context.signal_entity(ENTITY, "add", 1)


@pytest.mark.parametrize("flow", [gives_up, leaves_a_signal])
async def test_code_that_has_ended_fits_while_the_instance_waits(flow: Any, compat: Compat) -> None:
    invoker = FunctionsInvoker({"flow": flow}, {"echo": echo}, {"counter": counter})
    async with durable_host(invoker, compat=compat) as host:
        await host.run("flow", instance_id="i")
        assert replay(await host.record("i"), flow) == []
        if not (await host.settled("i")).status.ended:
            await host.raise_event("i", "go")
        assert replay(await host.record("i"), flow) == []
        await host.advance(hours=1)
        assert (await host.settled("i")).status.ended
        assert replay(await host.record("i"), flow) == []


# --- an instance that was rewound


def cleans_up(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_activity("echo", "first")
    try:
        yield context.call_activity("boom", "second")
    except Exception:
        yield context.call_activity("echo", "cleaned")
        raise
    yield context.call_activity("echo", "third")


async def test_a_rewound_instance_fits_its_code(compat: Compat) -> None:
    def changed(context: df.DurableOrchestrationContext) -> Flow:
        yield context.call_activity("clear", "first")

    invoker = FunctionsInvoker({"flow": cleans_up}, {"echo": echo, "boom": echo})
    async with durable_host(invoker, compat=compat) as host:
        host.fail("boom")
        assert (await host.run("flow", instance_id="i")).status is Status.FAILED
        await host.hub.rewind("i")
        assert (await host.settled("i")).status is Status.COMPLETED
        recording = await host.record("i")
    assert replay(recording, cleans_up) == []
    (found,) = replay(recording, changed)
    assert found.turn == 1


# --- an instance that the host ended


async def test_code_fits_whose_instance_the_host_ended(compat: Compat) -> None:
    def misspells(context: df.DurableOrchestrationContext) -> Flow:
        yield context.call_activity("echo", "first")
        yield context.call_activity("ehco", "second")

    async with durable_host(FunctionsInvoker({"flow": misspells}, {"echo": echo}), compat=compat) as host:
        ended = await host.run("flow", instance_id="i")
        assert ended.failure is not None
        assert ended.failure.type == "HostError"
        recording = await host.record("i")
    assert replay(recording, misspells) == []
    assert replay(recording, flow) != []
