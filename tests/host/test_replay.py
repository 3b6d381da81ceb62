"""Numbers and order of tasks: those of the Durable Task Framework."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from host.actions import (
    Action,
    AllOf,
    AnyOf,
    AskEntity,
    CallActivity,
    CallChild,
    ContinueAsNew,
    CreateTimer,
    Retry,
    WaitEvent,
)
from host.determinism import contradictions
from host.model import Event, EventKind
from host.replay import Position, replay

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
STARTED = (
    Event(kind=EventKind.TURN_STARTED, at=NOW),
    Event(kind=EventKind.EXECUTION_STARTED, at=NOW, instance="i", execution="e"),
)
TURN = (Event(kind=EventKind.TURN_COMPLETED, at=NOW), Event(kind=EventKind.TURN_STARTED, at=NOW))


def _end(kind: EventKind, task: int) -> Event:
    return Event(kind=kind, at=NOW, task=task)


def _walk(actions: list[Action], *events: Event, greedy: bool = False) -> Position:
    return replay(actions, [*STARTED, *events], greedy=greedy)


def _names(position: Position) -> dict[int, str]:
    return {number: getattr(leaf, "name", type(leaf).__name__) for number, leaf in position.started.items()}


def test_the_next_action_starts_when_the_one_before_has_ended() -> None:
    actions: list[Action] = [CallActivity("a", None), CallActivity("b", None)]
    assert _names(_walk(actions)) == {0: "a"}
    position = _walk(actions, _end(EventKind.TASK_COMPLETED, 0))
    assert _names(position) == {0: "a", 1: "b"}
    assert set(position.open) == {1}
    assert not position.stuck


def test_a_retry_has_a_timer_after_every_failure_also_the_last() -> None:
    retry = Retry(timedelta(seconds=5), 2)
    actions: list[Action] = [AllOf((CallActivity("a", None, retry),)), CallActivity("b", None)]
    failed = [_end(EventKind.TASK_FAILED, 0)]
    position = _walk(actions, *failed)
    assert _names(position) == {0: "a", 1: "CreateTimer"}
    assert position.started[1] == CreateTimer(NOW + timedelta(seconds=5))
    again = [*failed, _end(EventKind.TIMER_FIRED, 1), _end(EventKind.TASK_FAILED, 2)]
    position = _walk(actions, *again)
    assert _names(position) == {0: "a", 1: "CreateTimer", 2: "a", 3: "CreateTimer"}
    assert position.started[3] == CreateTimer(NOW), "the last one is due at once"
    assert set(position.open) == {3}
    assert _names(_walk(actions, *again, _end(EventKind.TIMER_FIRED, 3)))[4] == "b"


def test_backoff_is_capped() -> None:
    retry = Retry(timedelta(seconds=1), 9, 3.0, timedelta(seconds=5))
    assert [retry.delay(n).total_seconds() for n in (1, 2, 3)] == [1, 3, 5]


def test_a_cancelled_timer_has_a_number_and_is_not_open() -> None:
    position = _walk([AnyOf((WaitEvent("e"), CreateTimer(NOW, cancelled=True))), CallActivity("b", None)])
    assert position.cancelled == {0}
    assert _names(position)[1] == "b"
    assert position.waits == {"e": 1}


def test_entity_requests_take_numbers_and_their_ids_never_change() -> None:
    actions: list[Action] = [
        AskEntity("@c@k", "add", "1", signal=True),
        AskEntity("@c@k", "get", None, signal=False),
        CallActivity("b", None),
    ]
    position = _walk(actions)
    assert set(position.started) == {0, 1}
    assert position.requests == _walk(actions).requests
    assert position.open == {}
    reply = Event(kind=EventKind.EVENT_RAISED, at=NOW, name=position.requests[1])
    assert set(_walk(actions, reply).started) == {0, 1, 2}


def test_an_event_before_its_wait_is_kept_and_one_after_continue_as_new_is_passed_on() -> None:
    event = Event(kind=EventKind.EVENT_RAISED, at=NOW, name="E")
    actions: list[Action] = [CallActivity("a", None), WaitEvent("e"), ContinueAsNew("1")]
    position = _walk(actions, event, _end(EventKind.TASK_COMPLETED, 0), event)
    assert position.continued == ContinueAsNew("1")
    assert position.unread == [event]
    assert position.early == []
    assert position.next_id == 2


@pytest.mark.parametrize("greedy", [False, True])
def test_what_the_code_asked_for_before_an_earlier_action_ended(greedy: bool) -> None:
    actions: list[Action] = [AnyOf((WaitEvent("c"),)), CallActivity("b", None), CallActivity("d", None)]
    position = _walk(actions[:2], greedy=greedy)
    assert position.stuck
    assert _names(position) == ({0: "b"} if greedy else {})
    made = Event(kind=EventKind.TASK_SCHEDULED, at=NOW, id=0, name="b")
    later = _walk(actions, made, *TURN, _end(EventKind.TASK_COMPLETED, 0), greedy=greedy)
    assert _names(later) == ({0: "b", 1: "d"} if greedy else {})


def test_task_all_ends_when_all_have_ended_and_task_any_at_the_first() -> None:
    two = (CallActivity("a", None), CallActivity("b", None))
    failed = _end(EventKind.TASK_FAILED, 0)
    assert len(_walk([AllOf(two), CallActivity("c", None)], failed).started) == 2
    assert len(_walk([AnyOf(two), CallActivity("c", None)], failed).started) == 3
    assert len(_walk([AllOf(()), CallActivity("c", None)]).started) == 1


@pytest.mark.parametrize(
    ("recorded", "now", "words"),
    [
        (EventKind.TASK_SCHEDULED, [CallActivity("x", None)], "an activity task named 'a'.*an activity task named 'x'"),
        (EventKind.TASK_SCHEDULED, [], "hasn't .yet.. scheduled this task"),
        (EventKind.CHILD_CREATED, [CallActivity("a", None)], "a sub-orchestration task named 'a'"),
        (EventKind.TIMER_CREATED, [CallChild("a", None)], "a timer task with sequence ID 0"),
        (EventKind.EVENT_SENT, [CreateTimer(NOW)], "a send event task.*scheduled a timer task"),
    ],
)
def test_contradictions_say_what_was_and_what_is(recorded: EventKind, now: list[Action], words: str) -> None:
    event = Event(kind=recorded, at=NOW, id=0, name="a", instance="@c@k")
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(next(contradictions([event], _walk(now))))


def test_names_agree_in_any_case() -> None:
    event = Event(kind=EventKind.TASK_SCHEDULED, at=NOW, id=0, name="A")
    assert list(contradictions([event], _walk([CallActivity("a", None)]))) == []
