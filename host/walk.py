"""A replay that goes on from turn to turn."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from host.actions import (
    Action,
    AllOf,
    AnyOf,
    AskEntity,
    CallActivity,
    CallChild,
    ContinueAsNew,
    CreateTimer,
    Leaf,
    Retry,
    WaitEvent,
    numbered,
)
from host.lateness import Lateness
from host.model import Event, EventKind
from host.numbering import Numbering
from host.position import CREATED, ENDED, FAILED, Position
from host.task import Task, retried, together
from host.timers import Timers
from host.waits import Waits


class Walk:
    """One execution's actions and events, as they come.

    After ``turn``, once it is written, it takes what was appended. A walk whose last turn was not written is of no use.

    Its positions are those of a ``replay`` of the whole as long as ``sure`` is true. It turns false, for good, where a
    late action has missed something (``host.lateness``), and, unless it is greedy, when a timer is cancelled that is
    not open, that it has not reached, or whose action had ended in an earlier turn. Then a new walk of all is right.
    """

    def __init__(self, execution: str, *, greedy: bool, late: Mapping[int, int] | None = None) -> None:
        """``execution``: its id, from which those of its entity requests are made. ``greedy``: as in ``replay``.

        ``late``: as of ``Timers``, for a greedy walk.
        """
        self._greedy = greedy
        self._turn = 0
        self._now: datetime | None = None
        self._pending: deque[Action] = deque()
        self._current = Task(done=True)
        self._idle: int | None = None  # the moment since which more actions would have started, had there been any
        self._late = Lateness()
        self._numbers = Numbering(execution)
        self._timers = Timers((late or {}) if greedy else None)
        self._waits = Waits()
        self._unread: list[Event] = []
        self._continued: ContinueAsNew | None = None

    @property
    def sure(self) -> bool:
        """Whether ``replay`` of all actions and events is known to come to the same position."""
        return self._late.sure

    def turn(self, actions: Iterable[Action], events: Iterable[Event], cancelled: Iterable[int] = ()) -> Position:
        """What the code has done since the last turn, and what had happened.

        ``actions``: as they are at the end of the turn. ``cancelled``: timers of earlier turns, by number.
        """
        if not self._greedy:
            self._cancel(cancelled)  # to Azure they have never been open
        self._pending.extend(actions)
        self._catch_up()
        for event in events:
            self.take(event)
        if self._greedy:
            self._cancel(cancelled)  # the code does it for what has happened
        return self._position()

    def _cancel(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._cancel_one(number)

    def _cancel_one(self, number: int) -> None:
        timer = self._timers.open.pop(number, None)
        if timer is None:
            self._late.sure &= self._greedy
            return
        self._numbers.cancel(number)
        if self._greedy:
            self._advance()
            return
        if not timer.whole.done:
            return
        if timer.whole is not self._current:
            self._late.sure = False
        elif not timer.forced or self._late.moment > timer.born:
            self._idle = timer.born if self._idle is None else min(self._idle, timer.born)
            self._catch_up()

    def _catch_up(self) -> None:
        """Start what ``replay`` would have started before."""
        if self._idle is not None:
            self._late.since = self._idle
            self._advance()
            self._late.since = None

    def timer(self, place: int) -> int:
        """Number of the timer at a place (from 0) among all ``CreateTimer`` actions, depth first; -1: not started."""
        return self._timers.at(place)

    # --- what happened

    def take(self, event: Event) -> None:
        """The next event."""
        kind = event.kind
        if kind is EventKind.TURN_STARTED or self._now is None:
            self._now = event.at
            self._turn += 1
        if kind in CREATED:
            self._numbers.hold(event.id)
        elif kind in ENDED:
            self._end(event)
        elif kind is EventKind.EVENT_RAISED:
            self._late.moment += 1
            self._raise(event)
            self._advance()
        elif kind is EventKind.EXECUTION_STARTED:
            self._late.moment += 1
            self._advance()
        elif kind is EventKind.TURN_COMPLETED and self._greedy:
            self._cancel(self._timers.due(self._turn))
            while self._pending and self._numbers.outstanding:
                self._start_next(forced=True)

    def _end(self, event: Event) -> None:
        if (task := self._numbers.open.pop(event.task, None)) is not None:
            self._late.moment += 1
            self._timers.open.pop(event.task, None)
            task.end(failed=event.kind in FAILED)
            self._advance()

    def _raise(self, event: Event) -> None:
        name = event.name or ""
        if self._numbers.replied(name):
            return
        self._late.raised()
        if self._continued is not None:
            self._unread.append(event)
        elif self._waits.take(event):
            self._late.delivered(name)

    # --- where that leads

    def _position(self) -> Position:
        self._cancel(self._timers.due(self._turn))
        stuck = bool(self._pending)
        if self._greedy:
            self._start_numbered()
        news = self._numbers.news()
        position = Position(
            started=news.started,
            open=self._numbers.open,
            cancelled=news.cancelled,
            requests=news.requests,
            waits=Counter(self._waits.names),
            early=self._waits.early,
            unread=list(self._unread),
            continued=self._continued,
            next_id=self._numbers.next,
            stuck=stuck,
        )
        if self._greedy:
            for action in self._pending:
                position.foresee(action)
        return position

    def _start_numbered(self) -> None:
        """Start all that takes numbers, and what is before it: so later turns find it in the history."""
        last = max((index for index, action in enumerate(self._pending) if numbered(action)), default=-1)
        for _ in range(last + 1):
            self._start_next(forced=True)

    def _advance(self) -> None:
        while self._current.done and self._pending:
            self._start_next(forced=False)
        if not self._current.done:
            self._idle = None
            if not self._timers.open:
                self._late.forget()
        elif self._idle is None:
            self._idle = self._late.moment

    def _start_next(self, *, forced: bool) -> None:
        self._current = self._start(self._pending.popleft())
        born = self._late.moment if self._late.since is None else self._late.since
        self._timers.belong(self._current, born, forced=forced)

    def _start(self, action: Action) -> Task:
        match action:
            case CallActivity(retry=Retry() as retry) | CallChild(retry=Retry() as retry):
                return self._retry(action, retry)
            case CreateTimer():
                return self._timer(action)
            case CallActivity() | CallChild() | AskEntity():
                return self._number(action)
            case WaitEvent():
                return self._wait(action)
            case ContinueAsNew():
                self._late.continues()
                self._numbers.next += 1
                self._continued = action
                return Task(done=True)
            case AnyOf() | AllOf():
                return together(action, [self._start(child) for child in action.children])

    def _number(self, leaf: Leaf) -> Task:
        self._late.takes_number()
        return self._numbers.give(leaf)

    def _wait(self, action: WaitEvent) -> Task:
        self._late.waits(action.name)
        task = self._waits.wait(action.name)
        if task.done:
            self._late.delivered(action.name)
        return task

    def _timer(self, timer: CreateTimer) -> Task:
        number = self._numbers.next
        cancelled = not self._timers.start(number, self._turn, cancelled=timer.cancelled)
        task = self._number(timer if timer.cancelled is cancelled else replace(timer, cancelled=False))
        if cancelled:
            self._numbers.cancel(number)
        return task

    def _retry(self, action: CallActivity | CallChild, retry: Retry) -> Task:
        attempt = replace(action, retry=None)

        def pause(failed: int) -> Task:
            assert self._now is not None
            # The framework makes a timer after the last failure too; the SDK counts and awaits it.
            return again(CreateTimer(self._now if failed >= retry.attempts else self._now + retry.delay(failed)))

        def again(leaf: Leaf) -> Task:
            self._late.numbered()
            return self._numbers.give(leaf)

        return retried(retry.attempts, self._number(attempt), pause, lambda: again(attempt))
