"""A session by itself: what it tells after each turn, when it gives up, and what it keeps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import azure.durable_functions as df
import pytest

from host.actions import AllOf, AnyOf, CallActivity, CreateTimer, WaitEvent
from host.errors import SessionLost
from host.model import Event, EventKind
from host.session import Advance, Session, applied
from tests.host.session_flows import Flow
from tests.host.twin import Function, instance_of

START = Event(
    kind=EventKind.EXECUTION_STARTED,
    at=datetime(2026, 1, 5, 9, 0, tzinfo=UTC),
    name="flow",
    text="3",
    instance="i",
    execution="e",
)


def turn(number: int, *events: Event) -> list[Event]:
    """A turn of history, one minute after the other, without its end."""
    at = START.at + timedelta(minutes=number)
    return [Event(kind=EventKind.TURN_STARTED, at=at), *(replace(event, at=at) for event in events)]


def begin(code: Function, history: Sequence[Event]) -> tuple[Session, Advance]:
    handle = df.Orchestrator.create(code)
    return Session.begin(handle, instance_of("i", START.text, history), history, timer_spans=False)


def done(task: int) -> Event:
    return Event(kind=EventKind.TASK_COMPLETED, at=START.at, task=task, text=json.dumps(f"result {task}"))


END = Event(kind=EventKind.TURN_COMPLETED, at=START.at)


def test_only_new_actions_are_told() -> None:
    def flow(context: df.DurableOrchestrationContext) -> Flow:
        for n in range(context.get_input()):
            context.set_custom_status((yield context.call_activity("hello", n)))
        return "done"

    session, first = begin(flow, turn(0, START))
    assert first.decision.actions == (CallActivity("hello", "0"),)
    second = session.feed([END, *turn(1, done(0))])
    assert second.decision.actions == (CallActivity("hello", "1"),)
    assert second.decision.custom_status == '"result 0"'
    assert session.feed([END, *turn(2)]).decision.actions == ()
    assert session.feed([END, *turn(3, done(1), done(2))]).decision == replace(
        second.decision, actions=(CallActivity("hello", "2"),), custom_status='"result 2"', done=True, output='"done"'
    )
    assert session.seen == 11


def test_a_timer_that_is_cancelled_is_told_by_its_place() -> None:
    def flow(context: df.DurableOrchestrationContext) -> Flow:
        timers = [context.create_timer(context.current_utc_datetime + timedelta(days=n)) for n in range(3)]
        event = context.wait_for_external_event("go")
        yield context.task_any([event, context.task_all(timers[:2]), timers[2]])
        timers[2].cancel()
        yield context.call_activity("hello")

    session, first = begin(flow, turn(0, START))
    second = session.feed([END, *turn(1, Event(kind=EventKind.EVENT_RAISED, at=START.at, name="go"))])
    assert second.cancelled == (2,)
    days = [CreateTimer(START.at + timedelta(days=n)) for n in range(3)]
    assert applied(first.decision.actions, second) == (
        AnyOf((WaitEvent("go"), AllOf(tuple(days[:2])), replace(days[2], cancelled=True))),
        CallActivity("hello", "null"),
    )
    assert session.feed([END, *turn(2, done(3))]).cancelled == ()


def test_of_several_turns_at_once_the_last_is_new_to_the_code() -> None:
    said: list[bool] = []

    def flow(context: df.DurableOrchestrationContext) -> Flow:
        for _ in range(3):
            yield context.call_activity("hello")
            said.append(context.is_replaying)

    session, _ = begin(flow, turn(0, START))
    session.feed([END, *turn(1, done(0)), END, *turn(2, done(1)), END, *turn(3, done(2))])
    assert said == [True, True, False]


class Reading:
    """What only a type-safe input gives under strict typing."""

    def __init__(self, value: int) -> None:
        self.value = value

    @staticmethod
    def to_json(reading: Reading) -> int:
        return reading.value

    @staticmethod
    def from_json(value: int) -> Reading:
        return Reading(value)


def test_the_input_has_the_type_that_the_trigger_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_FUNCTIONS_DURABLE_STRICT_TYPING", "1")
    app = df.DFApp()

    @app.orchestration_trigger(context_name="context", input_type=Reading)
    def flow(context: df.DurableOrchestrationContext) -> Flow:
        yield context.call_activity("hello", context.get_input().value)

    (function,) = app.get_functions()
    text = json.dumps({"__class__": "Reading", "__module__": __name__, "__data__": 3})
    history = turn(0, START)
    instance = instance_of("i", text, history)
    _, first = Session.begin(function.get_user_function(), instance, history, timer_spans=False)
    assert first.decision.actions == (CallActivity("hello", "3"),)


def test_a_function_that_the_sdk_did_not_make_has_no_session() -> None:
    history = turn(0, START)
    with pytest.raises(SessionLost, match="not made by the SDK's decorator"):
        Session.begin(lambda _: "", instance_of("i", None, history), history, timer_spans=False)


def reads_history(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_activity("hello")
    yield context.call_activity(f"hello after {len(context.histories)}")


def yields_a_number(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_activity("hello")
    yield 5


def status_that_is_no_json(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_activity("hello")
    context.set_custom_status(object())
    raise ValueError("canary-value")


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (reads_history, "it reads context.histories"),
        (yields_a_number, "the SDK raised AttributeError"),
        (status_that_is_no_json, "the SDK raised TypeError"),
    ],
)
def test_what_a_session_leaves_to_cold_replay(code: Function, why: str) -> None:
    session, _ = begin(code, turn(0, START))
    with pytest.raises(SessionLost) as lost:
        session.feed([END, *turn(1, done(0))])
    assert str(lost.value) == why
    with pytest.raises(SessionLost, match=why):
        begin(code, [*turn(0, START), END, *turn(1, done(0))])


def test_an_orchestrator_that_raises_at_once_is_left_to_cold_replay() -> None:
    def flow(context: df.DurableOrchestrationContext) -> None:
        raise ValueError("canary-value")

    with pytest.raises(SessionLost, match=r"^the SDK raised ValueError$"):
        begin(flow, turn(0, START))


def test_a_session_keeps_nothing_of_turns_that_are_over() -> None:
    def flow(context: df.DurableOrchestrationContext) -> Flow:
        for _ in range(500):
            timer = context.create_timer(context.current_utc_datetime + timedelta(days=1))
            yield context.task_any([timer, context.call_activity("hello", "x" * 1000)])
            timer.cancel()
            yield context.create_timer(context.current_utc_datetime)

    def fired(task: int) -> Event:
        return Event(kind=EventKind.TIMER_FIRED, at=START.at, task=task, due=START.at)

    session, _ = begin(flow, turn(0, START))
    for number in range(0, 900, 3):
        session.feed([END, *turn(number + 1, done(number + 1))])
        session.feed([END, *turn(number + 2, fired(number + 2))])
    assert session._context._action_payload_v2 == []
    assert session._context._histories == []
    assert session._executor.ended == []
    assert len(session._timers._places) == 1
