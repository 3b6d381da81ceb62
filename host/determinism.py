"""Whether code, as it is now, still does what a history says that it did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from host.actions import AskEntity, CallActivity, CallChild, CreateTimer, Leaf
from host.model import Event, EventKind
from host.replay import CREATED, Position

CHANGED = "Was a change made to the orchestrator code after this instance had already started running?"


def contradictions(events: Sequence[Event], position: Position) -> Iterator[str]:
    """Where the history holds a task that the code, as it is now, does not start: in the words of the framework.

    ``events``: all that the walk of ``position`` took before this turn and no earlier position was compared with.
    """
    for event in events:
        if event.kind not in CREATED:
            continue
        started = position.started.get(event.id)
        was = f"A previous execution of this orchestration scheduled {described(event)} with sequence ID {event.id}"
        if started is None:
            yield f"{was}, but the current replay execution hasn't (yet?) scheduled this task. {CHANGED}"
        elif not matches(event, started):
            yield f"{was}, but the current replay execution scheduled {named_leaf(started)} with this number. {CHANGED}"


def described(event: Event) -> str:
    """A created task, in words."""
    match event.kind:
        case EventKind.TASK_SCHEDULED:
            return f"an activity task named '{event.name}'"
        case EventKind.CHILD_CREATED:
            return f"a sub-orchestration task named '{event.name}'"
        case EventKind.TIMER_CREATED:
            return "a timer task"
        case _:
            return f"a send event task to '{event.instance}'"


def named_leaf(leaf: Leaf) -> str:
    """An action, in the same words."""
    match leaf:
        case CallActivity():
            return f"an activity task named '{leaf.name}'"
        case CallChild():
            return f"a sub-orchestration task named '{leaf.name}'"
        case CreateTimer():
            return "a timer task"
        case AskEntity():
            return f"a send event task to '{leaf.entity}'"


def matches(event: Event, leaf: Leaf) -> bool:
    """Same kind and, in any case, same name: all that the framework compares."""
    match leaf:
        case CallActivity():
            return event.kind is EventKind.TASK_SCHEDULED and _same(event.name, leaf.name)
        case CallChild():
            return event.kind is EventKind.CHILD_CREATED and _same(event.name, leaf.name)
        case CreateTimer():
            return event.kind is EventKind.TIMER_CREATED
        case AskEntity():
            return event.kind is EventKind.EVENT_SENT and _same(event.instance, leaf.entity)


def _same(one: str | None, other: str) -> bool:
    return (one or "").lower() == other.lower()
