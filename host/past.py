"""What a turn needs to know of the history before it, without the history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from host.cancellations import numbers
from host.model import Event, EventKind
from host.replay import CREATED, ENDED


class Past:
    """Grows by the events that a turn appends. ``Past.of(history)`` for one execution, never across continue-as-new."""

    __slots__ = ("_below", "_beyond", "at", "cancelled", "open", "requests")

    def __init__(self) -> None:
        self.at: datetime | None = None
        """Time of the last event; None: nothing has happened."""
        self.open: set[int] = set()
        """Numbers of activities, children and timers that have not ended; of cancelled timers too."""
        self.requests: set[str] = set()
        """Ids of entity calls without a reply so far."""
        self.cancelled: set[int] = set()
        """Numbers of the timers that turns have noted as cancelled."""
        self._below = 0  # all numbers below are created, and those beyond it
        self._beyond: set[int] = set()

    @classmethod
    def of(cls, events: Iterable[Event]) -> Past:
        """The past that ``events``, from the start of the execution, make."""
        past = cls()
        past.add(events)
        return past

    @property
    def begun(self) -> bool:
        """Whether there is a history."""
        return self.at is not None

    def created(self, number: int) -> bool:
        """Whether the history holds the creation of that task."""
        return number < self._below or number in self._beyond

    def add(self, events: Iterable[Event]) -> None:
        """Take in ``events``, which follow those before."""
        for event in events:
            self.at = event.at
            if event.kind in CREATED:
                self._create(event)
            elif event.kind in ENDED:
                self.open.discard(event.task)
            elif event.kind is EventKind.EVENT_RAISED:
                self.requests.discard(event.name or "")
            elif event.kind is EventKind.TURN_COMPLETED:
                self.cancelled.update(numbers(event))

    def _create(self, event: Event) -> None:
        if event.kind is not EventKind.EVENT_SENT:
            self.open.add(event.id)
        elif event.request is not None and not event.signal:
            self.requests.add(event.request)
        self._beyond.add(event.id)
        while self._below in self._beyond:
            self._beyond.remove(self._below)
            self._below += 1
