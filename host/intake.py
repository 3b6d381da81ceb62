"""Which messages enter a turn, and in which order."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from host.model import Event, EventKind, Status
from host.past import Past
from host.replay import ENDED
from host.store.base import ActivityKey, Loaded, Message, Timer

CONTROL = frozenset({EventKind.SUSPENDED, EventKind.RESUMED})


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of an activity that no store knows yet: its turn writes it."""

    key: ActivityKey
    event: Event


@dataclass(slots=True)
class Intake:
    """What a turn takes up."""

    past: Past
    """What was before."""
    events: list[Event] = field(default_factory=list)
    consumed: list[int] = field(default_factory=list)
    raised: dict[int, int] = field(default_factory=dict)
    """Of each external event by its ``id()``, the ``seq`` of its message."""
    activities: list[ActivityKey] = field(default_factory=list)
    timers: list[int] = field(default_factory=list)
    unused: list[Finished] = field(default_factory=list)
    """Wait for a later turn."""
    more: bool = False
    """Something was left for the next turn."""
    held: list[Message] = field(default_factory=list)
    """External events that nobody waits for yet; they stay in the inbox."""
    terminated: Event | None = None
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class _Candidate:
    event: Event
    at: datetime
    source: Message | Timer | Finished


def gather(
    loaded: Loaded, past: Past, finished: Sequence[Finished], now: datetime, *, hold: bool, one: bool = False
) -> Intake:
    """Sort the messages of an instance. Neither ``loaded.history`` is read nor ``past`` changed.

    ``hold``: external events stay in the inbox until the code waits for them. ``one``: at most one message.
    """
    intake = Intake(past, suspended=loaded.instance.status is Status.SUSPENDED)
    inbox = _control(loaded, intake)
    if intake.terminated is not None:
        return intake
    if intake.suspended:
        intake.unused.extend(finished)
        return intake
    candidates = _in_order(inbox, loaded.due, finished, now)
    openings = _Openings(past, loaded.instance.waits, hold=hold)
    for candidate in candidates:
        if one and intake.events:
            intake.more = True
            if isinstance(candidate.source, Finished):
                intake.unused.append(candidate.source)
            continue
        _take(candidate, openings, intake)
    return intake


def _control(loaded: Loaded, intake: Intake) -> list[Message]:
    """Handle suspend, resume, terminate and what is meant for another execution; return the rest."""
    rest = []
    for message in loaded.inbox:
        kind = message.event.kind
        if message.execution not in (None, loaded.instance.execution_id):
            intake.consumed.append(message.seq)
        elif kind is EventKind.EXECUTION_TERMINATED:
            intake.consumed.append(message.seq)
            intake.terminated = message.event
        elif kind in CONTROL:
            intake.consumed.append(message.seq)
            intake.suspended = kind is EventKind.SUSPENDED
            if intake.past.begun:
                intake.events.append(message.event)
        else:
            rest.append(message)
    return rest


def _in_order(
    inbox: Iterable[Message], due: Iterable[Timer], finished: Iterable[Finished], now: datetime
) -> list[_Candidate]:
    """By time, the start first; messages keep their order of arrival."""
    messages = [_Candidate(message.event, message.event.at, message) for message in inbox]
    start = [one for one in messages if one.event.kind is EventKind.EXECUTION_STARTED]
    rest = [one for one in messages if one.event.kind is not EventKind.EXECUTION_STARTED]
    timers = [_Candidate(_fired(timer, now), timer.due, timer) for timer in due]
    ended = [_Candidate(one.event, one.event.at, one) for one in finished]
    kinds = [each for each in (rest, timers, ended) if each]
    if len(kinds) > 1:
        return start + list(heapq.merge(*kinds, key=lambda candidate: candidate.at))
    return start + (kinds[0] if kinds else [])


def _fired(timer: Timer, now: datetime) -> Event:
    return Event(kind=EventKind.TIMER_FIRED, at=now, task=timer.task, due=timer.due)


def _take(candidate: _Candidate, openings: _Openings, intake: Intake) -> None:
    event = openings.admit(candidate.event)
    match candidate.source:
        case Message() as message:
            if event is None and candidate.event.kind is EventKind.EVENT_RAISED:
                intake.held.append(message)
                return
            intake.consumed.append(message.seq)
            if candidate.event.kind in (EventKind.TASK_COMPLETED, EventKind.TASK_FAILED):
                intake.activities.append(ActivityKey(message.target, message.execution or "", candidate.event.task))
        case Timer() as timer:
            intake.timers.append(timer.task)
        case Finished() as finished:
            intake.activities.append(finished.key)
    if event is not None:
        intake.events.append(event)
        if event.kind is EventKind.EVENT_RAISED:
            intake.raised[id(event)] = intake.consumed[-1]


class _Openings:
    """What the instance can still take: each task ends once, each wait gets one event a turn."""

    def __init__(self, past: Past, waits: Iterable[str], *, hold: bool) -> None:
        self._past = past
        self._begun = past.begun
        self._ended: set[int] = set()
        self._waits = {name.lower(): name for name in waits} if hold else None

    def admit(self, event: Event) -> Event | None:
        """The event as it enters the history; None: it may not (yet)."""
        if event.kind in ENDED:
            if event.task not in self._past.open or event.task in self._ended:
                return None
            self._ended.add(event.task)
        elif event.kind is EventKind.EXECUTION_STARTED:
            if self._begun:
                return None
            self._begun = True
        elif event.kind is EventKind.EVENT_RAISED and self._waits is not None and event.name not in self._past.requests:
            # One event a wait and turn: a second one may belong to a wait that the code is about to make.
            awaited = self._waits.pop((event.name or "").lower(), None)
            return None if awaited is None else replace(event, name=awaited)
        return event


def deliverable(held: Iterable[Message], waits: Iterable[str]) -> bool:
    """Whether one of the held events is now awaited."""
    names = {name.lower() for name in waits}
    return any((message.event.name or "").lower() in names for message in held)
