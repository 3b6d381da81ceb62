"""From an orchestrator's list of actions and its history to numbered tasks: a port of what the Durable extension does.

The extension re-runs the whole list on the Durable Task Framework at every turn: start an action, await it, start the
next (``OutOfProcOrchestrationShim``, https://github.com/Azure/azure-functions-durable-extension). The numbers that the
framework gives in the order of starting equal those that the SDK gives in the order of yielding.
"""

from __future__ import annotations

from collections.abc import Sequence

from host.actions import Action
from host.cancellations import late
from host.model import Event, EventKind
from host.position import CREATED, ENDED, FAILED, Position
from host.walk import Walk

__all__ = ["CREATED", "ENDED", "FAILED", "Position", "Walk", "replay"]


def replay(actions: Sequence[Action], events: Sequence[Event], *, greedy: bool) -> Position:
    """Walk ``actions`` along ``events``.

    ``greedy`` is what the code meant: at the end of each turn what it asked for starts, even if an earlier action has
    not ended, and timers are open until the turn in which they were cancelled. Else it is what Azure does: actions wait
    for the earlier ones, and what is cancelled once was never open.
    """
    execution = next((e.execution or "" for e in events if e.kind is EventKind.EXECUTION_STARTED), "")
    walk = Walk(execution, greedy=greedy, late=late(events) if greedy else None)
    return walk.turn(actions, events)
