"""What the engine asks of whoever holds the app's functions."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from host.quick import quick

if TYPE_CHECKING:
    from host.telemetry import Telemetry

Kind = Literal["orchestrator", "activity", "entity"]
TIMED_OUT = "FunctionTimeoutException"
"""``FunctionFailed.type`` of a function that was ended at ``functionTimeout``."""


class Run(Protocol):
    """Asks an orchestrator's function in a way of its own, and keeps what comes of it."""

    @property
    def failed(self) -> str | None:
        """Type of the exception that the code has raised."""

    def __call__(self, function: Callable[..., Any]) -> None: ...


@quick
@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of one function."""

    kind: Kind
    name: str
    """Trigger name as the app declared it."""
    body: str = field(repr=False)
    """JSON text: the 1.x orchestration context, the 1.x entity batch, or the activity's input."""
    instance_id: str
    invocation_id: str
    traceparent: str | None = None
    tracestate: str | None = None
    """W3C trace context of the orchestration."""
    run: Run | None = field(default=None, repr=False)
    """Called with the orchestrator's function in place of a call of it with ``body``."""
    traced: bool = True
    """Whether it is a step of the instance, with a span, and not only a look at it."""


def new_invocation_id() -> str:
    """Unique and no secret: random bytes of the system would cost a thread switch each."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


class FunctionFailed(Exception):
    """The function raised.

    ``type``: class name of the exception; ``text``: ``str(exception)``, whole (of an orchestrator, the SDK appends its
    state to it); ``frames``: ``file:line:function``, outermost first, no values. Of an orchestrator, type and frames
    are those of the exception's cause, if there is one.
    """

    def __init__(self, type: str, text: str, frames: tuple[str, ...] = ()) -> None:  # noqa: A002
        super().__init__(f"{type}: {text}")
        self.type = type
        self.text = text
        self.frames = frames


class Invoker(Protocol):
    """Runs functions of one app: in process, or in a child process that can be killed."""

    @property
    def in_process(self) -> bool:
        """Whether it can serve ``Invocation.run``."""

    @property
    def telemetry(self) -> Telemetry:
        """Makes the spans of what the engine runs by itself."""

    def known(self, kind: Kind) -> Mapping[str, str]:
        """Declared names by lower-cased name (aliases included)."""

    async def invoke(self, invocation: Invocation) -> str:
        """Run to the end and return the encoded output (JSON text; ``"null"`` for None).

        Raises FunctionFailed when the function raised. Any other exception means that the function was not run to its
        end (a killed worker): the engine runs it again.
        """
