"""One execution of an orchestration that stays in memory between its turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from host.actions import Action
from host.cancellations import late
from host.errors import SessionLost
from host.model import Event, InstanceStatus
from host.past import Past
from host.position import Position
from host.session import Advance, Session, applied
from host.walk import Walk

BASE = 6 * 1024
"""Bytes of a resident whose code holds nothing, measured at an event raced against a timer."""


class Resident:
    """The living code of one execution, how far its actions were walked, and what went before.

    A turn is: ``feed``, ``position``; once it is written, ``settle``. One whose last turn was not written, or that
    raised anything, is of no use.
    """

    def __init__(self, instance: InstanceStatus, past: Past, *, greedy: bool, timer_spans: bool) -> None:
        """``past``: what the events before the first feed make; it grows with this one.

        ``greedy``, ``timer_spans``: as in ``replay`` and ``codec_v1.context``.
        """
        self.execution = instance.execution_id
        self.past = past
        self.size = BASE
        """Bytes it may hold, estimated: what its code was given."""
        self._walk: Walk | None = None
        self._greedy = greedy
        self._timer_spans = timer_spans
        self._session: Session | None = None
        self.actions: tuple[Action, ...] = ()
        """All since the start; kept by ``note`` alone."""
        self._unread: tuple[Event, ...] = ()  # of its last turn, what came after the code had been asked

    @property
    def begun(self) -> bool:
        """Whether it has been fed."""
        return self._session is not None

    def feed(
        self, function: Callable[..., Any], instance: InstanceStatus, before: Sequence[Event], new: Sequence[Event]
    ) -> Advance:
        """Ask the code.

        Args:
            function: As in ``Session.begin``.
            instance: Whose turn it is.
            before: The history before this turn. Read at the first feed alone.
            new: The events of this turn.

        Raises:
            SessionLost: Ask cold replay.
        """
        if self._session is None:
            events = (*before, *new)
            self._session, advance = Session.begin(function, instance, events, timer_spans=self._timer_spans)
        else:
            events = (*self._unread, *new)
            advance = self._session.feed(events)
        self.size += sum(len(event.text or "") for event in events)
        return advance

    def position(self, advance: Advance, events: Sequence[Event]) -> Position:
        """Where the code stands. ``events``: those before, at the first feed, and those of the turn.

        Raises:
            SessionLost: A walk of all actions from the start may come elsewhere.
        """
        walk = self._walk = self._walk or self._begin(events)
        cancelled = [walk.timer(place) for place in advance.cancelled]
        position = walk.turn(advance.decision.actions, events, cancelled)
        if not walk.sure:
            raise SessionLost("an action that the walk learnt of late may have missed something")
        return position

    def _begin(self, events: Sequence[Event]) -> Walk:
        return Walk(self.execution, greedy=self._greedy, late=late(events) if self._greedy else None)

    def note(self, advance: Advance) -> None:
        """Keep the actions, to compare them with those of a cold replay."""
        self.actions = applied(self.actions, advance)

    def settle(self, written: Sequence[Event], new: int) -> None:
        """The turn is in the store. ``written``: its events; the first ``new`` of them were fed."""
        self._unread = tuple(written[new:])
        assert self._walk is not None, "it was not asked where it stands"
        for event in self._unread:
            self._walk.take(event)
        self.past.add(written)
