"""A failed instance runs again from its last good step.

Like ``ProcessRewindOrchestrationDecision`` of the Durable Task Framework: what failed is taken out of the history,
failed children are rewound with their parent, and the replay schedules the rest anew under the same numbers, as a new
execution: what the old one still has under way comes too late. So what it had not seen the end of is started again,
too: an activity or an entity's operation can run twice.

The last good step is the one before the failure that the code passed on: what it did in its ``except``, and all
attempts and pauses of a call with retry options, are taken out with it. A failure that the code lived on with stays,
and so does a call that a retry saved (``RewindTests`` of the framework take all out that came after any failure).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime

from host.cancellations import noted, numbers
from host.clock import Clock
from host.draft import child_ended
from host.engine import Engine
from host.errors import NotFinished, UnknownInstance, WrongState
from host.model import Event, EventKind, Failure, Parent, Status
from host.numbering import request_id
from host.position import CREATED, ENDED, FAILED
from host.store.base import Loaded, Message, Store, Turn

HOST_ERROR = "HostError"
"""``Failure.type`` of an instance whose code has not failed."""
_CALLS = frozenset({EventKind.TASK_SCHEDULED, EventKind.CHILD_CREATED})


async def _rewind(store: Store, instance_id: str, reason: str | None, now: datetime) -> frozenset[str]:
    """In one transaction. Returns whom to wake."""
    loaded = await store.load(instance_id, now)
    if loaded is None:
        raise UnknownInstance(instance_id)
    if not loaded.instance.status.ended:
        raise NotFinished(instance_id, loaded.instance.status)
    if loaded.instance.status is not Status.FAILED:
        raise WrongState(f"Instance '{instance_id}' has status {loaded.instance.status}; only a failed one is rewound.")
    turns = await _Rewinding(store, reason, now).turns(loaded, loaded.instance.parent)
    await store.commit(*turns)
    return frozenset(turn.instance.instance_id for turn in turns)


class Rewinder:
    """Rewinds instances of one hub, one after another: two rewinds at once would each start what failed."""

    def __init__(self, store: Store, engine: Engine, clock: Clock) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock
        self._one = asyncio.Lock()

    async def rewind(self, instance_id: str, reason: str | None) -> None:
        """Rewind an instance and its failed children. Raises UnknownInstance, NotFinished, WrongState."""
        async with self._one:
            for woken in await _rewind(self._store, instance_id, reason, self._clock.now()):
                self._engine.wake(woken)


class _Rewinding:
    def __init__(self, store: Store, reason: str | None, now: datetime) -> None:
        self._store = store
        self._reason = reason
        self._now = now

    async def turns(self, loaded: Loaded, parent: Parent | None) -> list[Turn]:
        """Of an instance, whose parent is now ``parent``, and of its failed children."""
        execution = uuid.uuid4().hex
        cut = _cut(loaded.history, loaded.instance.failure)
        children = await self._children(loaded, cut)
        turns, results = list[Turn](), list[Event]()
        for number, child in children.items():
            me = Parent(loaded.instance.instance_id, execution, loaded.instance.name, number)
            if child.instance.status is Status.FAILED:
                turns.extend(await self.turns(child, me))
            else:
                results.append(child_ended(child.instance, me, self._now))
        instance = replace(
            loaded.instance,
            execution_id=execution,
            parent=parent,
            status=Status.RUNNING,
            output=None,
            failure=None,
            blocked=None,
            updated=self._now,
        )
        kept = _renamed(_kept(loaded.history, cut, children), execution, parent)
        again = Event(kind=EventKind.REWOUND, at=self._now, text=self._reason)
        messages = tuple(Message(instance.instance_id, event, execution) for event in (again, *results))
        return [Turn(instance=instance, append=tuple(kept), replace_history=True, messages=messages), *turns]

    async def _children(self, parent: Loaded, cut: int) -> Mapping[int, Loaded]:
        """By number, those that have failed, and those that have completed since: it was not there to hear of it.

        One that is gone, or was terminated, is not among them: the replay starts it anew. Raises NotFinished if one
        still runs: its end is for the old execution.
        """
        history = parent.history
        told = {event.task for event in history if event.kind in ENDED - FAILED}
        told |= {event.task for event in history[:cut] if event.kind in FAILED}
        created = [event for event in history[:cut] if event.kind is EventKind.CHILD_CREATED and event.id not in told]
        loaded = {event.id: await self._store.load(event.instance or "", self._now) for event in created}
        return {number: child for number, child in loaded.items() if child is not None and _stays(child, parent)}


def _stays(child: Loaded, parent: Loaded) -> bool:
    status, whose = child.instance.status, child.instance.parent
    if status in (Status.FAILED, Status.TERMINATED):
        return status is Status.FAILED
    if whose is None or whose.execution != parent.instance.execution_id:
        return False
    if not status.ended:
        raise NotFinished(child.instance.instance_id, status)
    return True


def _cut(history: Sequence[Event], failure: Failure | None) -> int:
    """Place of the first failure that is undone: the SDK gives the code the task's own words, in which it fails.

    If it failed in other words, of the first failure after which no call like it succeeded. The end of the history if
    no task failed, or the host ended the instance.
    """
    calls = {event.id: (event.name, event.text) for event in history if event.kind in _CALLS}
    done = {event.task for event in history if event.kind in ENDED - FAILED}
    saved = {calls[event.id]: place for place, event in enumerate(history) if event.kind in _CALLS and event.id in done}
    standing = [
        (place, event)
        for place, event in enumerate(history)
        if event.kind in FAILED and event.task in calls and saved.get(calls[event.task], -1) < place
    ]
    causes = {calls[event.task] for _, event in standing if failure and event.text and event.text in failure.text}
    if not causes and failure is not None and failure.type == HOST_ERROR:
        return len(history)
    return next((place for place, event in standing if not causes or calls[event.task] in causes), len(history))


def _kept(history: Sequence[Event], cut: int, rewound: Mapping[int, Loaded]) -> list[Event]:
    """All but the end, failures from ``cut`` on, and tasks made later or not ended (or cancelled) before it."""
    before = [event for event in history[:cut] if event.kind in CREATED]
    raised = {event.name for event in history if event.kind is EventKind.EVENT_RAISED}
    ended = {event.task for event in history[:cut] if event.kind in ENDED} | rewound.keys()
    ended |= {event.task for event in history[cut:] if event.kind in ENDED - FAILED}
    ended |= {event.id for event in before if event.signal or event.request in raised}
    ended |= {number for event in history[:cut] for number in _cancelled(event)}
    tasks = ended & {event.id for event in before}
    unheard = {event.request for event in history if event.kind is EventKind.EVENT_SENT and event.id not in tasks}

    def stays(place: int, event: Event) -> bool:
        if event.kind in CREATED:
            return event.id in tasks
        if event.kind in ENDED:
            return event.task in tasks and (event.kind not in FAILED or place < cut)
        if event.kind is EventKind.EVENT_RAISED:
            return event.name not in unheard
        return event.kind is not EventKind.EXECUTION_COMPLETED

    return [_noting(event, tasks) for place, event in enumerate(history) if stays(place, event)]


def _cancelled(event: Event) -> tuple[int, ...]:
    return numbers(event) if event.kind is EventKind.TURN_COMPLETED else ()


def _noting(event: Event, tasks: Set[int]) -> Event:
    """Of the end of a turn: without timers that are gone, whose numbers others may get."""
    if not (cancelled := _cancelled(event)):
        return event
    return replace(event, text=noted(number for number in cancelled if number in tasks))


def _renamed(history: Sequence[Event], execution: str, parent: Parent | None) -> list[Event]:
    """As events of another execution, whose messages to entities have other ids."""
    requests = {event.request: request_id(execution, event.id) for event in history if event.request is not None}

    def renamed(event: Event) -> Event:
        if event.kind is EventKind.EXECUTION_STARTED:
            return replace(event, execution=execution, parent=parent)
        if event.kind is EventKind.EVENT_SENT:
            return replace(event, request=requests.get(event.request or ""))
        if event.kind is EventKind.EVENT_RAISED and event.name in requests:
            return replace(event, name=requests[event.name])
        return event

    return [renamed(event) for event in history]
