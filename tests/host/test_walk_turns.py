"""Random turns, also such as no code takes: a walk that is sure stands where a replay stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host.actions import (
    Action,
    AllOf,
    AnyOf,
    AskEntity,
    CallActivity,
    ContinueAsNew,
    CreateTimer,
    Leaf,
    Retry,
    WaitEvent,
)
from host.cancellations import noted
from host.determinism import contradictions
from host.model import Event, EventKind
from tests.host.following import Follower, timers

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
CALLS = [CallActivity("a", None), CallActivity("r", None, Retry(timedelta(seconds=1), 2))]
leaves: st.SearchStrategy[Action] = st.one_of(
    st.sampled_from(CALLS),
    st.builds(lambda hours: CreateTimer(NOW + timedelta(hours=hours)), st.integers(1, 3)),
    st.builds(WaitEvent, st.sampled_from(["e", "E", "f"])),
    st.builds(lambda signal: AskEntity("@c@k", "get", None, signal), st.booleans()),
)
children = st.lists(leaves, max_size=3).map(tuple)
groups: st.SearchStrategy[Action] = st.builds(AnyOf, children) | st.builds(AllOf, children)
nested = st.builds(AnyOf, st.lists(groups | leaves, min_size=1, max_size=3).map(tuple))
turns = st.lists(
    st.fixed_dictionaries(
        {
            "actions": st.lists(leaves | groups | nested, max_size=2),
            "ends": st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=2),
            "raised": st.lists(st.sampled_from(["e", "f"]), max_size=1),
            "cancelled": st.none() | st.integers(0, 3),
            "continues": st.sampled_from([False, False, False, True]),
        }
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize("greedy", [False, True])
@settings(max_examples=150, deadline=None)
@given(turns=turns)
def test_every_random_turn(greedy: bool, turns: list[dict[str, Any]]) -> None:
    instance = Instance(greedy=greedy)
    for turn in turns:
        instance.go_on(turn)
        if instance.follower.doubts:
            break
        instance.write()


class Instance:
    """Makes the events that the engine would write, of code that does as it is told."""

    def __init__(self, *, greedy: bool) -> None:
        self.follower = Follower(greedy=greedy)
        self._actions: list[Action] = []
        self._events = [
            Event(kind=EventKind.TURN_STARTED, at=NOW),
            Event(kind=EventKind.EXECUTION_STARTED, at=NOW, instance="i", execution="e"),
        ]
        self._created: set[int] = set()
        self._cancelled: set[int] = set()
        self._replied: set[str] = set()

    def go_on(self, turn: dict[str, Any]) -> None:
        """One turn, up to the position."""
        self._events += [Event(kind=EventKind.EVENT_RAISED, at=NOW, name=name) for name in turn["raised"]]
        for index, failed in turn["ends"]:
            self._end(index, failed=failed)
        if turn["cancelled"] is not None:
            self._cancel(turn["cancelled"])
        if not any(isinstance(action, ContinueAsNew) for action in self._actions):
            self._actions += [*turn["actions"], *([ContinueAsNew("1")] if turn["continues"] else [])]
        self.follower.follow(tuple(map(_copy, self._actions)), tuple(self._events))

    def _end(self, index: int, *, failed: bool) -> None:
        """An open task or entity call ends."""
        cold = self.follower.cold
        ended = {event.task for event in self._events}
        tasks = [number for number in sorted(cold.open) if number not in ended]
        calls = [cold.requests[number] for number, leaf in cold.started.items() if _answered(leaf)]
        open_: list[int | str] = [*tasks, *(name for name in calls if name not in self._replied)]
        if not open_:
            return
        task = open_[index % len(open_)]
        if isinstance(task, str):
            self._replied.add(task)
            self._events.append(Event(kind=EventKind.EVENT_RAISED, at=NOW, name=task))
        elif isinstance(cold.started[task], CreateTimer):
            self._events.append(Event(kind=EventKind.TIMER_FIRED, at=NOW, task=task))
        else:
            kind = EventKind.TASK_FAILED if failed else EventKind.TASK_COMPLETED
            self._events.append(Event(kind=kind, at=NOW, task=task))

    def _cancel(self, index: int) -> None:
        """The code cancels a timer that had not ended before this turn."""
        numbers = {id(leaf): number for number, leaf in self.follower.cold.started.items()}
        known = list(timers(self.follower.actions))
        open_ = [place for place, leaf in enumerate(known) if numbers.get(id(leaf)) in self.follower.cold.open]
        if open_:
            chosen = open_[index % len(open_)]
            places = iter(range(len(known)))
            self._actions = [_copy(action, chosen, places) for action in self._actions]

    def write(self) -> None:
        """The turn's own events, and the beginning of the next."""
        position = self.follower.cold
        for number in sorted(position.started.keys() - self._created):
            self._events.append(_creation(number, position.started[number], position.requests.get(number)))
        self._created |= position.started.keys()
        fired = {event.task for event in self._events if event.kind is EventKind.TIMER_FIRED}
        cancelled = sorted(position.cancelled - fired - self._cancelled)
        self._cancelled.update(cancelled)
        self._events.append(Event(kind=EventKind.TURN_COMPLETED, at=NOW, text=noted(cancelled)))
        self._events.append(Event(kind=EventKind.TURN_STARTED, at=NOW))
        assert list(contradictions(self._events, position)) == []


def _answered(leaf: Leaf) -> bool:
    return isinstance(leaf, AskEntity) and not leaf.signal


def _creation(number: int, leaf: Leaf, request: str | None) -> Event:
    match leaf:
        case CreateTimer():
            return Event(kind=EventKind.TIMER_CREATED, at=NOW, id=number, due=leaf.due)
        case AskEntity():
            return Event(kind=EventKind.EVENT_SENT, at=NOW, id=number, instance=leaf.entity, request=request)
        case _:
            return Event(kind=EventKind.TASK_SCHEDULED, at=NOW, id=number, name=leaf.name)


def _copy(action: Action, cancelled: int = -1, places: Any = None) -> Action:
    """With objects of its own, as each turn brings them; the timer at that place is cancelled."""
    if isinstance(action, AnyOf | AllOf):
        return replace(action, children=tuple(_copy(child, cancelled, places) for child in action.children))
    if isinstance(action, CreateTimer) and places is not None:
        place = next(places, None)
        return replace(action, cancelled=action.cancelled or place == cancelled)
    return replace(action)
