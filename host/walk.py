"""A replay that goes on from turn to turn."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
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
from host.waits import Waits


@dataclass(frozen=True, slots=True)
class _Timer:
    """An open timer that the code can cancel."""

    whole: Task
    """Of the action that it is, or is part of."""
    born: int
    """Moment at which a replay of the whole starts it, or an earlier one."""
    forced: bool
    """Started at the end of a turn, though an earlier action had not ended."""


class Walk:
    """One execution's actions and events, as they come.

    A turn is: ``cancel`` and ``extend`` with what the code did in it, ``take`` its events, ``position``; once it is
    written, ``take`` what it appended. A walk whose last turn was not written is of no use.

    Its positions are those of a ``replay`` of the whole as long as ``sure`` is true. It turns false, for good, where a
    late action has missed something (``host.lateness``), and when a timer is cancelled that is not open, that the
    ordered walk has not reached, or whose action had ended in an earlier turn. Then a new walk of all actions and all
    events is right.

    Numbers are the walk's. After a position that is not ``stuck``, the ``next_id`` must be the SDK's, too: a retry
    beside a failure in one ``task_all`` parts them on Azure, and ``cancel`` would hit another timer.
    """

    def __init__(self, execution: str, *, greedy: bool) -> None:
        """``execution``: its id, from which those of its entity requests are made. ``greedy``: as in ``replay``."""
        self._greedy = greedy
        self._now: datetime | None = None
        self._pending: deque[Action] = deque()
        self._current = Task(done=True)
        self._idle: int | None = None  # the moment since which more actions would have started, had there been any
        self._late = Lateness()
        self._numbers = Numbering(execution)
        self._timers: dict[int, _Timer] = {}
        self._places: list[int] = []
        self._new_timers: list[int] = []
        self._waits = Waits()
        self._unread: list[Event] = []
        self._continued: ContinueAsNew | None = None

    @property
    def sure(self) -> bool:
        """Whether ``replay`` of all actions and events is known to come to the same position."""
        return self._late.sure

    # --- what the code did

    def extend(self, actions: Iterable[Action]) -> None:
        """Actions that follow those before, as they are at the end of the turn."""
        self._pending.extend(actions)
        self._catch_up()

    def cancel(self, number: int) -> None:
        """The code cancelled an open timer, in a later turn than the one that started it."""
        timer = self._timers.pop(number, None)
        if timer is None:
            self._late.sure = False
            return
        self._numbers.cancel(number)
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
        return self._places[place] if place < len(self._places) else -1

    # --- what happened

    def take(self, event: Event) -> None:
        """The next event of the history."""
        kind = event.kind
        if kind is EventKind.TURN_STARTED or self._now is None:
            self._now = event.at
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
            while self._pending and self._numbers.outstanding:
                self._start_next(forced=True)

    def _end(self, event: Event) -> None:
        if (task := self._numbers.open.pop(event.task, None)) is not None:
            self._late.moment += 1
            self._timers.pop(event.task, None)
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

    def position(self) -> Position:
        """Where the orchestration stands at the end of a turn."""
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
            if not self._timers:
                self._late.forget()
        elif self._idle is None:
            self._idle = self._late.moment

    def _start_next(self, *, forced: bool) -> None:
        self._current = self._start(self._pending.popleft())
        born = self._late.moment if self._late.since is None else self._late.since
        for number in self._new_timers:
            self._timers[number] = _Timer(self._current, born, forced)
        self._new_timers.clear()

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
        self._places.append(number)
        task = self._number(timer)
        if timer.cancelled:
            self._numbers.cancel(number)
        else:
            self._new_timers.append(number)
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
