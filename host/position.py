"""Where an orchestration stands: what its actions and its history come to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from host.actions import Action, AllOf, AnyOf, ContinueAsNew, Leaf, WaitEvent
from host.model import Event, EventKind
from host.task import Task

CREATED = frozenset({EventKind.TASK_SCHEDULED, EventKind.CHILD_CREATED, EventKind.TIMER_CREATED, EventKind.EVENT_SENT})
ENDED = frozenset(
    {
        EventKind.TASK_COMPLETED,
        EventKind.TASK_FAILED,
        EventKind.CHILD_COMPLETED,
        EventKind.CHILD_FAILED,
        EventKind.TIMER_FIRED,
    }
)
FAILED = frozenset({EventKind.TASK_FAILED, EventKind.CHILD_FAILED})


@dataclass(slots=True)
class Position:
    """Where an orchestration stands after its history; ``started``, ``requests``, ``cancelled``: since the last one."""

    started: dict[int, Leaf] = field(default_factory=dict)
    """By number. With those of earlier positions whose creation the history did not hold then."""
    open: dict[int, Task] = field(default_factory=dict)
    """Activities, children and timers that have not ended. The walk's own: it changes when the walk goes on."""
    cancelled: set[int] = field(default_factory=set)
    requests: dict[int, str] = field(default_factory=dict)
    """Ids of entity requests by number, of those in ``started``."""
    waits: Counter[str] = field(default_factory=Counter)
    """External events awaited, by name as the code spells it."""
    early: list[Event] = field(default_factory=list)
    """External events that came before their wait, or have none."""
    unread: list[Event] = field(default_factory=list)
    """External events after continue-as-new was reached: they belong to the next execution."""
    continued: ContinueAsNew | None = None
    next_id: int = 0
    stuck: bool = False
    """The code went on, but the ordered walk still awaits an earlier action."""

    def foresee(self, action: Action) -> None:
        """Count in an action without numbers that the code came to last, but that starts in its turn only."""
        match action:
            case WaitEvent(name=name):
                early = (event for event in self.early if (event.name or "").lower() == name.lower())
                if (event := next(early, None)) is not None:
                    self.early.remove(event)
                else:
                    self.waits[name] += 1
            case ContinueAsNew():
                self.continued = action
                self.next_id += 1
            case AnyOf() | AllOf():
                for child in action.children:
                    self.foresee(child)
