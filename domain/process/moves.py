"""What moves the tokens of a process, in order: what the Camunda mirror has to bring about, one command a move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from domain.process.conditions import Value


class Kind(StrEnum):
    """How a token moves."""

    JOB = "job"
    """The step of the element is done."""
    TASK = "task"
    """The person that the element waits for has finished."""
    MESSAGE = "message"
    """A message comes, for a wait or for an event at its boundary."""
    TIMER = "timer"
    """The time of an event at the boundary is up."""
    END = "end"
    """The case is over."""


@dataclass(frozen=True, slots=True)
class Move:
    """One move. The moves of a case only ever grow at their end."""

    kind: Kind
    element: str = ""
    """Where the token stands that moves; of a message or timer at a boundary: the host."""
    name: str = ""
    """Of the message, or of the boundary event whose time is up."""
    task: str = ""
    """Id of the human task that was open then, by which messages for it are told from those for another."""
    target: str = ""
    """Where the token goes when a time is up."""
    variables: Mapping[str, Value] = field(default_factory=dict)
    """Routing variables that it sets."""
    leaves: bool = True
    """Whether the token leaves its element; it stays where an event at the boundary does not interrupt."""
