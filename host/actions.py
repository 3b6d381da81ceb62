"""What an orchestrator has asked for since its start, free of any protocol."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from host.model import Failure
from host.quick import quick


@dataclass(frozen=True, slots=True)
class Retry:
    """https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-error-handling#automatic-retry-on-failure"""

    first: timedelta
    attempts: int
    backoff: float = 1.0
    longest: timedelta | None = None

    def delay(self, failed: int) -> timedelta:
        """Wait after the ``failed``-th failure (1-based)."""
        delay = self.first * self.backoff ** (failed - 1)
        return min(delay, self.longest) if self.longest else delay


@quick
@dataclass(frozen=True, slots=True)
class CallActivity:
    name: str
    input: str | None
    retry: Retry | None = None


@dataclass(frozen=True, slots=True)
class CallChild:
    name: str
    input: str | None
    instance: str | None = None
    version: str | None = None
    retry: Retry | None = None


@dataclass(frozen=True, slots=True)
class CreateTimer:
    due: datetime
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class WaitEvent:
    name: str


@dataclass(frozen=True, slots=True)
class AskEntity:
    """A call (``signal`` False: the orchestrator waits for the reply) or a signal."""

    entity: str
    operation: str
    input: str | None
    signal: bool


@dataclass(frozen=True, slots=True)
class ContinueAsNew:
    input: str | None


@dataclass(frozen=True, slots=True)
class AnyOf:
    children: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    children: tuple[Action, ...]


Leaf = CallActivity | CallChild | CreateTimer | AskEntity
"""What takes a number and makes an event."""
Action = Leaf | WaitEvent | ContinueAsNew | AnyOf | AllOf


HTTP_ACTIVITY = "BuiltIn::HttpActivity"
"""Name of the activity that the host itself runs for ``call_http``."""


@quick
@dataclass(frozen=True, slots=True)
class Decision:
    """Answer of an orchestrator to a turn."""

    actions: tuple[Action, ...]
    done: bool = False
    output: str | None = None
    """JSON text."""
    error: str | None = None
    """Text of the exception that ended the orchestrator."""
    failure: Failure | None = None
    custom_status: str | None = None
    """JSON text; None: as before."""
    stateless: bool = False
    """The code ended in a way of which the SDK tells no actions: neither those of this turn nor earlier ones."""


def numbered(action: Action) -> bool:
    """Whether starting it makes an event."""
    match action:
        case AnyOf() | AllOf():
            return any(numbered(child) for child in action.children)
        case WaitEvent() | ContinueAsNew():
            return False
        case _:
            return True
