"""Whole instances, walked on from turn to turn and replayed at each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from host.actions import Action, AllOf, AnyOf, CreateTimer
from host.cancellations import late
from host.model import Event, EventKind
from host.options import Compat
from host.replay import Position, Walk, replay

Told = tuple[tuple[Action, ...], tuple[Event, ...]]
"""All actions and all events of one turn and those before it."""


class Recorder:
    """Stands in for the replay of the engine and remembers what each turn of each execution was decided on."""

    def __init__(self) -> None:
        self._turns: dict[str, dict[int, Told]] = {}

    def __call__(self, actions: Sequence[Action], events: Sequence[Event], *, greedy: bool) -> Position:
        execution = next(event.execution or "" for event in events if event.kind is EventKind.EXECUTION_STARTED)
        number = sum(event.kind is EventKind.TURN_STARTED for event in events)
        # A turn that is taken again, message by message, replaces the first try.
        self._turns.setdefault(execution, {})[number] = (tuple(actions), tuple(events))
        return replay(actions, events, greedy=greedy)

    def executions(self) -> Iterator[list[Told]]:
        for turns in self._turns.values():
            yield [turns[number] for number in sorted(turns)]


class Follower:
    """Walks one execution from turn to turn, as a resident session does, and begins anew where that is not sure."""

    def __init__(self, *, greedy: bool) -> None:
        self.doubts = 0
        self._greedy = greedy
        self._crashed = False
        self.actions: tuple[Action, ...] = ()
        self._taken = 0
        self._walk: Walk | None = None
        self._known = Position()
        self.cold = Position()

    def follow(self, actions: tuple[Action, ...], events: tuple[Event, ...]) -> None:
        """One turn more; its position must be that of a replay, if the walk is sure."""
        assert not self._crashed, "an instance whose code can't be asked has failed"
        if self.actions and not actions:
            self._crashed = True  # the SDK raised: on Azure it may take one task's end for another's
            return
        assert self._walk is None or [*map(_plain, actions)][: len(self.actions)] == [*map(_plain, self.actions)]
        walk = self._walk or self._begin(events)
        self._learn(walk.turn(actions[len(self.actions) :], events[self._taken :], self._cancelled(actions)))
        self.actions, self._taken = actions, len(events)
        self.cold = replay(actions, events, greedy=self._greedy)
        if walk.sure:
            assert shown(self._known) == shown(self.cold)
        else:
            self.doubts += 1
            self._begin_anew(actions, events)

    def _begin(self, events: Sequence[Event]) -> Walk:
        execution = next(event.execution or "" for event in events if event.kind is EventKind.EXECUTION_STARTED)
        self._walk = Walk(execution, greedy=self._greedy, late=late(events) if self._greedy else None)
        return self._walk

    def _begin_anew(self, actions: Sequence[Action], events: Sequence[Event]) -> None:
        walk = self._begin(events)
        self._known = walk.turn(actions, events)
        assert walk.sure
        assert shown(self._known) == shown(self.cold)

    def _cancelled(self, actions: Sequence[Action]) -> list[int]:
        """Numbers of the timers that this turn cancelled; -1: it had none yet."""
        numbers = {id(leaf): number for number, leaf in self.cold.started.items()}
        pairs = zip(timers(self.actions), timers(actions), strict=False)
        return [numbers.get(id(old), -1) for old, new in pairs if new.cancelled and not old.cancelled]

    def _learn(self, position: Position) -> None:
        """What is new comes to what is known, and it is only what is new."""
        assert not position.cancelled & self._known.cancelled
        known = replace(
            position,
            started=self._known.started | position.started,
            requests=self._known.requests | position.requests,
            cancelled=self._known.cancelled | position.cancelled,
        )
        for number in known.cancelled:
            leaf = known.started[number]
            assert isinstance(leaf, CreateTimer)
            known.started[number] = replace(leaf, cancelled=True)
        self._known = known


def shown(position: Position) -> dict[str, Any]:
    """What can be compared."""
    names = ("started", "cancelled", "requests", "waits", "unread", "continued", "next_id", "stuck")
    early = sorted(map(id, position.early))
    return {name: getattr(position, name) for name in names} | {"open": set(position.open), "early": early}


def timers(actions: Sequence[Action]) -> Iterator[CreateTimer]:
    for action in actions:
        if isinstance(action, AnyOf | AllOf):
            yield from timers(action.children)
        elif isinstance(action, CreateTimer):
            yield action


def _plain(action: Action) -> Action:
    if isinstance(action, AnyOf | AllOf):
        return replace(action, children=tuple(map(_plain, action.children)))
    return replace(action, cancelled=False) if isinstance(action, CreateTimer) else action


def follow(recorder: Recorder, compat: Compat) -> tuple[int, int]:
    """Number of turns, and of those in which the walk was not sure."""
    turns = doubts = 0
    for execution in recorder.executions():
        follower = Follower(greedy=compat == "fixed")
        for actions, events in execution:
            follower.follow(actions, events)
        turns, doubts = turns + len(execution), doubts + follower.doubts
    return turns, doubts
