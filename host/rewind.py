"""A failed instance runs again from its last good step.

Like ``ProcessRewindOrchestrationDecision`` of the Durable Task Framework: what failed is taken out of the history,
failed children are rewound with their parent, and the replay schedules the rest anew under the same numbers. A step
that failed under the SDK's own retry options leaves its timers in the history, so its numbers no longer fit: the
instance then fails again as non-deterministic.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from host.errors import NotFinished, UnknownInstance, WrongState
from host.model import Event, EventKind, Status
from host.store.base import Loaded, Message, Store, Turn

_DROPPED = frozenset({EventKind.TASK_FAILED, EventKind.CHILD_FAILED, EventKind.EXECUTION_COMPLETED})


async def rewind(store: Store, instance_id: str, reason: str | None, now: datetime) -> frozenset[str]:
    """Rewind an instance and its failed children in one transaction. Returns whom to wake."""
    loaded = await store.load(instance_id, now)
    if loaded is None:
        raise UnknownInstance(instance_id)
    if not loaded.instance.status.ended:
        raise NotFinished(instance_id, loaded.instance.status)
    if loaded.instance.status is not Status.FAILED:
        raise WrongState(f"Instance '{instance_id}' has status {loaded.instance.status}; only a failed one is rewound.")
    turns = await _turns(store, loaded, reason, now)
    await store.commit(*turns)
    return frozenset(turn.instance.instance_id for turn in turns)


async def _turns(store: Store, loaded: Loaded, reason: str | None, now: datetime) -> list[Turn]:
    failed = {event.task for event in loaded.history if event.kind in (EventKind.TASK_FAILED, EventKind.CHILD_FAILED)}
    turns: list[Turn] = []
    kept: list[Event] = []
    for event in loaded.history:
        if event.kind in _DROPPED or (event.kind is EventKind.TASK_SCHEDULED and event.id in failed):
            continue
        if event.kind is EventKind.CHILD_CREATED and event.id in failed:
            child = await store.load(event.instance or "", now)
            if child is None or child.instance.status is not Status.FAILED:
                continue  # gone or terminated: the replay starts it anew
            turns.extend(await _turns(store, child, reason, now))
        kept.append(event)
    instance = replace(loaded.instance, status=Status.RUNNING, output=None, failure=None, blocked=None, updated=now)
    again = Event(kind=EventKind.REWOUND, at=now, text=reason)
    message = Message(instance.instance_id, again, instance.execution_id)
    return [Turn(instance=instance, append=tuple(kept), replace_history=True, messages=(message,)), *turns]
