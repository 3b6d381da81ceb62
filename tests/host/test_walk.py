"""One walk from turn to turn: what it tells, and when it is in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from host.actions import Action, AllOf, AnyOf, AskEntity, CallActivity, ContinueAsNew, CreateTimer, Retry, WaitEvent
from host.determinism import contradictions
from host.lateness import Lateness
from host.model import Event, EventKind
from host.replay import CREATED, Position, Walk, replay
from tests.host.following import shown

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
START = (
    Event(kind=EventKind.TURN_STARTED, at=NOW),
    Event(kind=EventKind.EXECUTION_STARTED, at=NOW, instance="i", execution="e"),
)
TURN = (Event(kind=EventKind.TURN_COMPLETED, at=NOW), Event(kind=EventKind.TURN_STARTED, at=NOW))
RETRY = CallActivity("r", None, Retry(timedelta(seconds=1), 3))
A, B, X = (CallActivity(name, None) for name in "abx")
TIMER = CreateTimer(NOW + timedelta(hours=1))


def _end(task: int, kind: EventKind = EventKind.TASK_COMPLETED) -> Event:
    return Event(kind=kind, at=NOW, task=task)


def _made(number: int, name: str) -> Event:
    return Event(kind=EventKind.TASK_SCHEDULED, at=NOW, id=number, name=name)


def _raised(name: str) -> Event:
    return Event(kind=EventKind.EVENT_RAISED, at=NOW, name=name)


Part = Sequence[Action | Event | int]


def _walk(*parts: Part, greedy: bool = False) -> tuple[Walk, Position, Position]:
    """A walk of one part a turn (a number: that timer is cancelled), its last position, and that of a replay."""
    walk = Walk("e", greedy=greedy)
    events: list[Event] = []
    actions: list[Action] = []
    position = Position()
    for part in parts:
        told = [each for each in part if isinstance(each, Event)]
        made = [event for event in told if event.kind in CREATED]
        new = [*made, *(TURN if events else START), *(event for event in told if event.kind not in CREATED)]
        cancelled = [each for each in part if isinstance(each, int)]
        if cancelled:
            actions = [_cancelled(action) for action in actions]
        more = [each for each in part if not isinstance(each, Event | int)]
        actions += more
        events += new
        position = walk.turn(more, new, cancelled)
    return walk, position, replay(actions, events, greedy=greedy)


def _cancelled(action: Action) -> Action:
    """With all timers cancelled."""
    match action:
        case AnyOf(children=children):
            return AnyOf(tuple(map(_cancelled, children)))
        case CreateTimer(due=due):
            return CreateTimer(due, cancelled=True)
        case _:
            return action


def test_a_position_tells_what_is_new_since_the_last_one_and_what_has_come_into_the_history_since() -> None:
    walk = Walk("e", greedy=False)
    told = []
    for number in range(50):
        events = (*(TURN if number else START), *([_end(number - 1)] if number else []))
        position = walk.turn([CallActivity(f"a{number}", None)], events)
        told.append(set(position.started))
        assert set(position.open) == {number}
        assert position.next_id == number + 1
        walk.take(_made(number, f"a{number}"))
    assert told == [{0}, *({number - 1, number} for number in range(1, 50))]


def test_what_the_history_has_come_to_hold_is_checked_against_it() -> None:
    walk = Walk("e", greedy=False)
    walk.turn([A, B], START)
    made, wrong = _made(0, "a"), _made(0, "x")
    position = walk.turn([], (made, *TURN, _end(0)))
    assert list(contradictions([made], position)) == []
    assert "'x' with sequence ID 0, but the current replay execution scheduled an activity task named 'a'" in next(
        contradictions([wrong], position)
    )


def test_entity_requests_keep_their_ids_and_take_their_replies() -> None:
    ask, signal = AskEntity("@c@k", "get", None, signal=False), AskEntity("@c@k", "add", "1", signal=True)
    _, first, _ = _walk([signal, ask])
    assert set(first.requests) == {0, 1}
    walk, warm, cold = _walk([signal, ask], [_raised(first.requests[1]), X])
    assert walk.sure
    assert shown(warm) == shown(cold)
    assert warm.started[2] == X


@pytest.mark.parametrize("greedy", [False, True])
def test_what_the_code_asked_for_before_an_earlier_action_ended(greedy: bool) -> None:
    race = AnyOf((WaitEvent("c"),))
    walk, warm, cold = _walk([race, A, WaitEvent("d")], [_made(0, "a"), _end(0), B], greedy=greedy)
    assert walk.sure
    assert warm.stuck
    assert cold.stuck
    assert warm.started == cold.started == ({0: A, 1: B} if greedy else {})
    assert warm.waits == cold.waits == ({"c": 1, "d": 1} if greedy else {"c": 1})


def test_the_last_waits_of_a_turn_start_in_their_turn() -> None:
    """A forced start leaves them out: an event goes to the newest wait that has started."""
    parts: list[Part] = [[AnyOf((WaitEvent("e"),)), A, WaitEvent("e")], [_made(0, "a"), _raised("e")], [_end(0), B]]
    for turns in range(1, 4):
        walk, warm, cold = _walk(*parts[:turns], greedy=True)
        assert walk.sure
        assert (warm.waits, warm.stuck, warm.next_id) == (cold.waits, cold.stuck, cold.next_id)
    assert warm.waits == {"e": 1}


def test_continue_as_new_of_code_that_went_on_by_itself() -> None:
    race = AnyOf((WaitEvent("c"),))
    walk, warm, cold = _walk([race, WaitEvent("d"), ContinueAsNew("1")], greedy=True)
    assert walk.sure
    assert shown(warm) == shown(cold)
    assert warm.continued == ContinueAsNew("1")
    assert warm.next_id == 1


# --- doubts


def test_a_retry_that_took_a_number_before_a_late_action() -> None:
    race, failed = AnyOf((A, RETRY)), _end(1, EventKind.TASK_FAILED)
    walk, warm, cold = _walk([race], [_end(0)], [failed], [_end(2, EventKind.TIMER_FIRED)], [_end(3), X])
    assert not walk.sure
    assert warm.started[4] == X
    assert cold.started[2] == X, "to a replay it starts when the race is over"
    walk, warm, cold = _walk([race], [_end(0)], [_end(1), X])
    assert walk.sure
    assert warm.started[2] == cold.started[2] == X


def test_an_older_wait_that_took_an_event_before_a_late_one() -> None:
    race = AnyOf((WaitEvent("e"), WaitEvent("E"), A))
    walk, warm, cold = _walk([race], [_end(0)], [_raised("e")], [_raised("f"), WaitEvent("e")])
    assert not walk.sure
    assert warm.waits == {"e": 2}
    assert cold.waits == {"e": 1, "E": 1}
    assert _walk([race], [_end(0)], [_raised("e")], [_raised("f"), WaitEvent("g")])[0].sure
    assert _walk([race], [_end(0)], [_raised("f")], [_raised("e"), WaitEvent("f")])[0].sure, "it waited for the wait"


def test_an_early_event_that_would_have_gone_to_the_second_of_two_late_waits() -> None:
    two = AllOf((WaitEvent("e"), WaitEvent("E")))
    walk, warm, cold = _walk([A], [_raised("f"), two], [_raised("e"), _end(0)])
    assert walk.sure
    assert warm.waits == cold.waits == {"E": 1}
    race = AnyOf((A, B))
    walk, warm, cold = _walk([race], [_end(0)], [_raised("e")], [_end(1), two])
    assert not walk.sure
    assert (warm.waits, cold.waits) == ({"E": 1}, {"e": 1})


def test_an_event_before_a_late_continue_as_new() -> None:
    walk, warm, cold = _walk([AnyOf((A, B))], [_end(0)], [_raised("e")], [_end(1), ContinueAsNew("1")])
    assert not walk.sure
    assert (len(warm.early), len(warm.unread)) == (1, 0)
    assert (len(cold.early), len(cold.unread)) == (0, 1)
    assert _walk([AnyOf((A, B))], [_end(0)], [_end(1), _raised("e"), ContinueAsNew("1")])[0].sure


def test_a_timer_that_is_cancelled_in_the_turn_that_goes_on() -> None:
    race = AnyOf((WaitEvent("e"), TIMER))
    walk, warm, cold = _walk([race], [_raised("e"), 0, X])
    assert walk.sure
    assert warm.cancelled == cold.cancelled == {0}
    assert warm.started == cold.started == {0: CreateTimer(TIMER.due, cancelled=True), 1: X}
    assert set(warm.open) == {1}


def test_a_retry_that_took_a_number_before_the_timer_beside_it_was_cancelled() -> None:
    failed, fired = _end(0, EventKind.TASK_FAILED), _end(2, EventKind.TIMER_FIRED)
    walk, warm, cold = _walk([AnyOf((RETRY, TIMER))], [failed], [fired], [_end(3), 1, X])
    assert not walk.sure
    assert (warm.started[4], cold.started[2]) == (X, X)


def test_a_timer_that_is_cancelled_later_twice_or_before_it_started() -> None:
    race = AnyOf((WaitEvent("e"), TIMER))
    assert not _walk([race], [_raised("e"), X], [_end(1), 0, B])[0].sure
    assert not _walk([race], [_raised("e"), 0, X], [_end(1), 0, B])[0].sure
    assert not _walk([AnyOf((WaitEvent("c"),)), race], [_raised("e"), 0, X])[0].sure
    assert not _walk([race], [_end(0, EventKind.TIMER_FIRED), X], [0])[0].sure
    assert _walk([AllOf((A, TIMER))], [1], [_end(0), X])[0].sure
    assert _walk([AllOf((A, TIMER)), X], [1], [_end(0), B], greedy=True)[0].sure, "the task_all has not ended"


def test_rounds_of_waits_whose_limits_are_cancelled() -> None:
    """To a replay all rounds begin with the first, so an event goes to the wait of the last."""
    first, second, third, fourth = (AnyOf((WaitEvent(name), TIMER)) for name in "abcA")
    rounds: list[Part] = [[first], [_raised("a"), 0, second], [_raised("b"), 1, third], [_raised("c"), 2, fourth]]
    for turns in range(1, 4):
        walk, warm, cold = _walk(*rounds[:turns])
        assert walk.sure
        assert warm.waits == cold.waits
    walk, warm, cold = _walk(*rounds)
    assert not walk.sure
    assert (warm.waits, cold.waits) == ({"A": 1}, {"a": 1})


def test_a_forced_timer_that_is_cancelled_lets_the_next_action_start_after_the_next_event_only() -> None:
    forced = [AnyOf((WaitEvent("c"),)), AnyOf((WaitEvent("e"), TIMER))]
    walk, warm, cold = _walk(forced, [_made(0, ""), 0, _raised("e"), WaitEvent("E"), X], greedy=True)
    assert walk.sure
    assert warm.waits == cold.waits == {"c": 1, "E": 1}
    assert warm.started == cold.started


def test_what_is_forgotten_raises_no_doubt() -> None:
    for forget in (False, True):
        late = Lateness()
        late.moment = 1
        late.delivered("E")
        if forget:
            late.forget()
        late.since = 0
        late.waits("e")
        assert late.sure is forget
