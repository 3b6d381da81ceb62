"""Orchestrators that use all of the SDK, and what to do to each: also to those of the other tests."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Generator, Sequence
from datetime import timedelta
from functools import partial
from types import ModuleType
from typing import Any

import azure.durable_functions as df

from tests.host import test_compat, test_flows, test_programs, test_recording
from tests.host.twin import Function, Move, Twin, say

Flow = Generator[Any, Any, Any]
HOUR, DAY = 60, 24 * 60
GO: Move = ("go", 1)
ENTITY = df.EntityId("counter", "k")
RETRY = partial(df.RetryOptions, first_retry_interval_in_milliseconds=60_000)


def once_more(context: df.DurableOrchestrationContext) -> Flow:
    """Yields tasks again that ended in earlier turns: what follows is replayed, says the SDK, though it is new."""
    first = context.call_activity("hello", "a")
    say(context, "begun")
    yield context.task_any([first, context.create_timer(context.current_utc_datetime + timedelta(days=1))])
    say(context, "first")
    yield first
    say(context, "first again")
    both = context.task_all([first, context.wait_for_external_event("go")])
    yield both
    say(context, "both")
    yield context.call_activity("hello", "b")
    say(context, "second")
    yield both
    say(context, "both again")
    yield context.call_activity("hello", "c")
    say(context, "third")
    yield first
    say(context, "first at last")
    yield context.task_all([])
    say(context, "nothing")
    return str(context.new_uuid()), str(context.new_guid()), context.current_utc_datetime.isoformat()


def newest_once_more(context: df.DurableOrchestrationContext) -> Flow:
    """Of two waits for one event the newer is served."""
    waits = [context.wait_for_external_event("go") for _ in range(2)]
    yield context.task_any(waits)
    yield context.call_activity("hello", "x")
    say(context, [wait.is_completed for wait in waits])
    yield waits[1]
    say(context, "again")


def cancels_late(context: df.DurableOrchestrationContext) -> Flow:
    now = context.current_utc_datetime
    timers = [context.create_timer(now + timedelta(hours=hours)) for hours in (1, 20, 30, 40)]
    nested = context.task_any(
        [context.task_all(timers[:2]), context.task_all([timers[2], context.call_activity("hello")])]
    )
    yield context.task_any([nested, timers[3], context.wait_for_external_event("go")])
    timers[1].cancel()
    yield timers[0]
    brief = context.create_timer(now + timedelta(hours=50))
    yield context.task_any([brief, context.call_activity("hello", "x")])
    timers[3].cancel()
    timers[2].cancel()
    brief.cancel()
    with_status = context.wait_for_external_event("go")
    context.set_custom_status({"cancelled": [timer.is_cancelled for timer in timers]})
    yield with_status
    return "done"


def families(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_sub_orchestrator("kid", 1, "kid-1")
    context.set_custom_status("one")
    yield context.call_sub_orchestrator_with_retry("kid", RETRY(max_number_of_attempts=2), 2, "kid-2")
    yield context.task_all([context.call_sub_orchestrator("kid", n) for n in range(3)])
    try:
        yield context.call_sub_orchestrator_with_retry("kid", RETRY(max_number_of_attempts=2), -1)
    except Exception as error:
        return [str(error), context.parent_instance_id]


def kid(context: df.DurableOrchestrationContext) -> Flow:
    answer = yield context.call_activity("hello", context.parent_instance_id)
    if context.get_input() < 0:
        raise ValueError(answer)
    return [context.get_input(), context.version]


def calls_http(context: df.DurableOrchestrationContext) -> Flow:
    try:
        yield context.call_http("POST", "http://127.0.0.1:1/", {"a": 1}, {"h": "v"})
    except Exception as error:
        return type(error).__name__


def entities(context: df.DurableOrchestrationContext) -> Flow:
    context.signal_entity(ENTITY, "add", 5)
    calls = [context.call_entity(ENTITY, "add", n) for n in range(3)]
    counts = yield context.task_all(calls)
    try:
        yield context.call_entity(ENTITY, "explode")
    except Exception as error:
        return [counts, str(error)]


def goes_on(context: df.DurableOrchestrationContext) -> Flow:
    say(context, context.get_input())
    timer = context.create_timer(context.current_utc_datetime + timedelta(days=1))
    yield context.task_any([context.wait_for_external_event("go"), timer])
    context.signal_entity(ENTITY, "add", 1)
    if context.get_input() < 2:
        context.continue_as_new(context.get_input() + 1)
        yield context.call_activity("hello", "never started")
    return "enough"


def ends_early(context: df.DurableOrchestrationContext) -> Flow:
    """Ends with tasks that still run: turns follow in which no code runs."""
    timers = [context.create_timer(context.current_utc_datetime + timedelta(hours=n + 1)) for n in range(3)]
    yield context.task_any([context.call_activity("hello", "x"), *timers])
    context.set_custom_status("ended")
    if context.get_input() == "raises":
        raise RuntimeError("early")
    return object() if context.get_input() == "answers what is no JSON" else "early"


def silent(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_activity("hello", "x")
    raise KeyError


def plain(context: df.DurableOrchestrationContext) -> Any:
    context.signal_entity(ENTITY, "add", 1)
    say(context, "plain")
    if context.get_input() == 1:
        context.continue_as_new(2)
    return {"plain": context.get_input()}


def long_waits(context: df.DurableOrchestrationContext) -> Flow:
    long = context.create_timer(context.current_utc_datetime + timedelta(days=20))
    yield context.task_any([long, context.wait_for_external_event("go")])
    yield long
    say(context, "20 days")
    yield context.create_timer(context.current_utc_datetime + timedelta(days=7))
    return context.current_utc_datetime.isoformat()


def early_events(context: df.DurableOrchestrationContext) -> Flow:
    yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    seen = []
    for _ in range(3):
        seen.append((yield context.wait_for_external_event("go")))
        say(context, *seen)
    return seen


SCRIPTS: Sequence[tuple[Function, Any, Sequence[Move]]] = [
    (once_more, None, [GO, ("advance", 2 * DAY)]),
    (newest_once_more, None, [GO, GO]),
    (cancels_late, None, [("advance", 2 * HOUR), GO, ("advance", HOUR), GO, GO]),
    (cancels_late, None, [GO, ("advance", 45 * HOUR), GO, GO]),
    (families, None, [("advance", HOUR)]),
    (kid, 1, []),
    (calls_http, None, []),
    (entities, None, []),
    (goes_on, 0, [GO, ("advance", DAY), GO, GO]),
    (ends_early, None, [("advance", HOUR)] * 3),
    (ends_early, "raises", [("advance", HOUR)] * 3),
    (ends_early, "answers what is no JSON", [("advance", HOUR)] * 3),
    (silent, None, []),
    (plain, 1, []),
    (long_waits, None, [("advance", 30 * DAY)]),
    (long_waits, None, [("advance", 5 * DAY), GO, ("advance", 30 * DAY)]),
    (early_events, None, [GO, ("go", 2), ("advance", HOUR), ("go", 3), ("go", 4)]),
    (test_flows.sequence, None, []),
    (test_flows.fan, {"n": 20}, []),
    (test_flows.approval, None, [("advance", 6 * DAY), ("Approve", {"by": "a"})]),
    (test_flows.approval, None, [("advance", 30 * DAY)]),
    (test_flows.retrying, None, [("advance", HOUR)]),
    (test_flows.parent, None, []),
    (test_flows.failing_parent, None, []),
    (test_flows.failing, None, []),
    (test_flows.with_entity, None, []),
    (test_flows.eternal, 1, [("advance", 5 * HOUR)]),
    (test_flows.immediate, 5, []),
    (test_flows.abandons, None, [("advance", DAY)]),
    (test_flows.lost, None, []),
    (test_flows.chatty, 10, []),
    (test_flows.two_events, None, [("f", 1), ("e", 2), ("f", 3)]),
    (test_compat.two_waits, None, [("e", 1), ("e", 2)]),
    (test_compat.waits_after_timer, None, [("e", 1), ("e", 2), ("advance", 2 * HOUR)]),
    (test_compat.parallel_waits, None, [("e", 1), ("e", 2)]),
    (test_compat.reused_task, None, [("advance", 25 * HOUR), ("decided", 1)]),
    (test_compat.reused_task, None, [("advance", 50 * HOUR)]),
    (test_compat.abandoned_activity, None, [("slow", 1), ("b", 1), ("c", 1)]),
    (test_compat.collector, None, [("item", n) for n in range(4)]),
    (test_compat.failing_all, None, [("never", 1)]),
    (test_compat.retry_beside_failure, None, [("advance", HOUR)]),
    (test_compat.own_child, None, []),
    (test_compat.child_called, "@hello@k", []),
    (test_compat.fails_later, None, [("advance", HOUR)]),
    (test_compat.retry_beside_a_timer, None, [("advance", HOUR)]),
    (test_compat.rounds, None, [("sold", n) for n in range(3)]),
    (test_compat.waiting_between, None, [("one", 1), ("one", 2)]),
    (test_compat._long, None, [("slow", 1), ("b", 1), ("advance", 2 * HOUR)]),
    (test_compat._ten_days, None, [("advance", 11 * DAY)]),
    (test_recording.flow, {"n": 1}, [("advance", 1), ("go", 1)]),
    (test_recording.child, None, []),
    (test_recording.gives_up, None, [GO, ("advance", HOUR)]),
    (test_recording.leaves_a_signal, None, [GO]),
    (test_recording.cleans_up, None, []),
    (test_programs.child, 1, []),
    (test_programs.program, [{"do": "all", "of": [{"do": "timer", "minutes": 1}, {"do": "entity"}]}], [("advance", 5)]),
]


def flows(module: ModuleType) -> dict[str, Function]:
    """The orchestrators that a module holds, by name."""
    codes = inspect.getmembers(module, inspect.isfunction)
    return {name: code for name, code in codes if _takes_context(code) and code.__module__ == module.__name__}


def _takes_context(code: Function) -> bool:
    parameters = inspect.signature(code).parameters.values()
    return [each.annotation for each in parameters] == ["df.DurableOrchestrationContext"]


def twin(code: Function) -> Twin:
    """An invoker of all the orchestrators of its module."""
    activities: dict[str, Function] = {
        "hello": test_flows.hello,
        "echo": test_recording.echo,
        "square": test_flows.square,
        "boom": test_flows.boom,
        "flaky": test_flows.Flaky(),
    }
    return Twin(flows(sys.modules[code.__module__]), activities, {"counter": test_flows.counter})
