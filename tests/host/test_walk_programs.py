"""Of whole orchestrations, each turn's walk comes to where a replay of the whole comes, or says that it may not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Sequence
from datetime import timedelta
from typing import Any
from unittest import mock

import azure.durable_functions as df
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host import ask
from host.options import Compat, HubOptions
from host.testing import DurableHost, FunctionsInvoker, durable_host
from tests.host.following import Recorder, follow

Flow = Generator[Any, Any, Any]
Step = dict[str, Any]

# --- random orchestrations

NAMES = ("e", "f", "E")
leaves = st.one_of(
    st.fixed_dictionaries({"do": st.just("call"), "failures": st.integers(0, 1)}),
    st.fixed_dictionaries({"do": st.just("retry"), "failures": st.integers(0, 3)}),
    st.fixed_dictionaries({"do": st.just("timer"), "minutes": st.integers(0, 90)}),
    st.fixed_dictionaries({"do": st.just("wait"), "name": st.sampled_from(NAMES)}),
    st.just({"do": "entity"}),
)
many = st.lists(leaves, min_size=1, max_size=3)
steps = st.one_of(
    leaves,
    st.fixed_dictionaries({"do": st.sampled_from(["all", "any", "race", "race"]), "of": many}),
    st.fixed_dictionaries({"do": st.just("join"), "of": st.lists(leaves, max_size=2)}),
    st.sampled_from([{"do": "signal"}, {"do": "cancel"}, {"do": "again"}]),
)
acts = st.lists(st.one_of(st.integers(0, 120), st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)), max_size=8)


def program(context: df.DurableOrchestrationContext) -> Flow:
    """Interprets its input."""
    unfinished: list[Any] = []
    whole = context.get_input()
    for step in whole["steps"]:
        if step["do"] == "signal":
            context.signal_entity(df.EntityId("counter", "signals"), "add", 1)
        elif step["do"] == "cancel":
            _cancel(unfinished)
        else:
            try:
                yield _task(context, step, unfinished)
            except Exception:
                context.set_custom_status("failed")
            if step["do"] == "race":
                _cancel(unfinished)
    if whole["again"]:
        context.continue_as_new(whole | {"again": whole["again"] - 1})


def _cancel(unfinished: Sequence[Any]) -> None:
    """The newest timer that can be."""
    for task in reversed(unfinished):
        if hasattr(task, "cancel") and not task.is_completed and not task.is_cancelled:
            task.cancel()
            return


def _task(context: df.DurableOrchestrationContext, step: Step, unfinished: list[Any]) -> Any:
    match step["do"]:
        case "all" | "any" | "race" | "join":
            old = [task for task in unfinished if not task.is_completed][-1:] if step["do"] == "join" else []
            tasks = [_leaf(context, leaf) for leaf in step["of"]]
            if step["do"] == "race":
                tasks.append(_leaf(context, {"do": "timer", "minutes": 45}))
            unfinished.extend(tasks)
            return context.task_all(tasks) if step["do"] == "all" else context.task_any([*old, *tasks])
        case "again":
            open_ = (task for task in unfinished if not task.is_completed and not getattr(task, "is_cancelled", False))
            return next(open_, context.call_activity("flaky", step))
        case _:
            return _leaf(context, step)


def _leaf(context: df.DurableOrchestrationContext, leaf: Step) -> Any:
    match leaf["do"]:
        case "call":
            return context.call_activity("flaky", leaf)
        case "retry":
            options = df.RetryOptions(first_retry_interval_in_milliseconds=60_000, max_number_of_attempts=3)
            return context.call_activity_with_retry("flaky", options, leaf)
        case "timer":
            return context.create_timer(context.current_utc_datetime + timedelta(minutes=leaf["minutes"]))
        case "wait":
            return context.wait_for_external_event(leaf["name"])
        case _:
            return context.call_entity(df.EntityId("counter", "calls"), "add", 1)


def counter(context: df.DurableEntityContext) -> None:
    context.set_state(context.get_state(lambda: 0) + context.get_input())
    context.set_result("counted")


class Flaky:
    """Fails as often as its argument says, then never again."""

    def __init__(self) -> None:
        self._failed = 0

    def __call__(self, step: Step) -> str:
        self._failed += 1
        if self._failed % 4 < step.get("failures", 0):
            raise ValueError("flaky")
        return "done"


@pytest.mark.parametrize("compat", ["azure", "fixed"])
@settings(max_examples=80, deadline=None)
@given(whole=st.lists(steps, min_size=1, max_size=7), again=st.integers(0, 1), script=acts)
def test_every_turn_of_a_random_program(compat: Compat, whole: list[Step], again: int, script: list[Any]) -> None:
    follow(asyncio.run(_drive(compat, {"steps": whole, "again": again}, script)), compat)


async def _drive(compat: Compat, whole: Any, script: Sequence[Any]) -> Recorder:
    recorder = Recorder()
    invoker = FunctionsInvoker({"program": program}, {"flaky": Flaky()}, {"counter": counter})
    with mock.patch.object(ask, "replay", recorder):
        async with durable_host(invoker, options=HubOptions(compat=compat, sessions="cold")) as host:
            begun = await host.run("program", whole)
            for act in script:
                await _do(host, begun.instance_id, act)
            await host.advance(hours=3)
            await host.settled(begun.instance_id)
    return recorder


async def _do(host: DurableHost, instance: str, act: Any) -> None:
    if isinstance(act, int):
        await host.advance(minutes=act)
    elif not (await host.settled(instance)).status.ended:
        for name in act:
            await host.hub.raise_event(instance, name, "1")
        await host.settled(instance)


# --- flows that need no second look


def sequence(context: df.DurableOrchestrationContext) -> Flow:
    for number in range(8):
        context.signal_entity(df.EntityId("counter", "k"), "add", 1)
        yield context.call_activity("hello", number)
        yield context.call_entity(df.EntityId("counter", "k"), "add", 1)


def fan(context: df.DurableOrchestrationContext) -> Flow:
    yield context.task_all([context.call_activity("hello", number) for number in range(20)])


def retrying(context: df.DurableOrchestrationContext) -> Flow:
    options = df.RetryOptions(first_retry_interval_in_milliseconds=1000, max_number_of_attempts=3)
    for _ in range(3):
        try:
            yield context.call_activity_with_retry("boom", options)
        except Exception:
            yield context.call_activity("hello", "x")


def rounds(context: df.DurableOrchestrationContext) -> Flow:
    """Waits with a limit, again and again, and does something in each round."""
    for _ in range(6):
        timer = context.create_timer(context.current_utc_datetime + timedelta(days=1))
        winner = yield context.task_any([context.wait_for_external_event("e"), timer])
        if winner is not timer:
            timer.cancel()
        yield context.call_activity("hello", "x")


def stages(context: df.DurableOrchestrationContext) -> Flow:
    """Nothing but waits with a limit, each for an event of its own."""
    for number in range(6):
        timer = context.create_timer(context.current_utc_datetime + timedelta(days=30))
        yield context.task_any([context.wait_for_external_event(f"e{number}"), timer])
        timer.cancel()


def debounced(context: df.DurableOrchestrationContext) -> Flow:
    """Nothing but waits with a limit, always for the same."""
    for _ in range(6):
        timer = context.create_timer(context.current_utc_datetime + timedelta(days=30))
        yield context.task_any([context.wait_for_external_event("e"), timer])
        timer.cancel()


def joined(context: df.DurableOrchestrationContext) -> Flow:
    """Takes what comes first, then the other."""
    for _ in range(4):
        slow = context.create_timer(context.current_utc_datetime + timedelta(minutes=5))
        yield context.task_any([context.call_activity("hello", "x"), slow])
        yield slow


def eternal(context: df.DurableOrchestrationContext) -> Flow:
    for _ in range(4):
        yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    if context.get_input() is None:
        context.continue_as_new(1)


FLOWS = (sequence, fan, retrying, rounds, stages, debounced, joined, eternal)


def _hello(_: object) -> str:
    return "hello"


def _boom(_: object) -> None:
    raise ValueError("boom")


async def _turns(flow: Callable[[df.DurableOrchestrationContext], Flow], compat: Compat) -> tuple[int, int]:
    recorder = Recorder()
    orchestrators = {each.__name__: each for each in FLOWS}
    invoker = FunctionsInvoker(orchestrators, {"hello": _hello, "boom": _boom}, {"counter": counter})
    with mock.patch.object(ask, "replay", recorder):
        async with durable_host(invoker, options=HubOptions(compat=compat, sessions="cold")) as host:
            begun = await host.run(flow.__name__)
            for number in range(6):
                await _do(host, begun.instance_id, ["e"])
                await _do(host, begun.instance_id, [f"e{number}"])
                await host.advance(hours=2)
            assert (await host.settled(begun.instance_id)).status.ended
    return follow(recorder, compat)


@pytest.mark.parametrize("flow", [flow for flow in FLOWS if flow is not debounced])
async def test_common_flows_are_never_in_doubt(
    flow: Callable[[df.DurableOrchestrationContext], Flow], compat: Compat
) -> None:
    turns, doubts = await _turns(flow, compat)
    assert turns >= 2
    assert doubts == 0


async def test_on_azure_a_loop_of_waits_for_one_event_with_a_cancelled_limit_is_in_doubt_from_its_third_round_on(
    compat: Compat,
) -> None:
    _, doubts = await _turns(debounced, compat)
    assert doubts == (4 if compat == "azure" else 0)
