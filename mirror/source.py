"""What the mirror asks of the engine: where its instances stand and what was seen of them, as codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from domain.process.conditions import Value
from domain.process.seen import Seen, What

OPEN: frozenset[str] = frozenset({"Running", "Pending", "Suspended", "ContinuedAsNew"})
"""Durable runtime statuses of an instance that goes on."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Standing(_Document):
    """An instance in a list."""

    id: str
    workflow: str
    runtime: str
    updated: datetime


class Step(_Document):
    """One thing that was seen."""

    what: What
    step: str = ""
    at: datetime | None = None
    aside: bool = False
    variables: dict[str, Value] = {}


class History(_Document):
    """What was seen of one instance."""

    id: str
    workflow: str
    version: str
    runtime: str
    execution: str
    """Differs when the instance was started anew, or went on as new."""
    due: str | None = None
    """When the case must be decided (RFC 3339)."""
    urgency: str | None = None
    line_of_business: str | None = None
    failure: str | None = None
    """Why it failed: a code."""
    standing: dict[str, Any] | None = None
    """Its custom status."""
    steps: tuple[Step, ...] = ()

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return self.runtime in OPEN


def seen(steps: Sequence[Step]) -> list[Seen]:
    """``steps`` as the token game takes them."""
    return [Seen(each.what, each.step, each.variables, each.aside) for each in steps]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a decision."""

    taken: bool
    code: str = ""
    """Why it was refused."""


class Source(Protocol):
    """The engine. Raises ``Unavailable('engine')`` when it does not answer."""

    async def instances(self, ended_since: datetime | None) -> Sequence[Standing]:
        """All that go on, and those that ended since."""

    async def history(self, case: str) -> History | None:
        """What was seen of an instance; ``None`` when there is none of this id (any more)."""

    async def decide(self, task: str, person: str, mark: str, body: dict[str, Any]) -> Answer:
        """A person's decision on a human task. ``mark`` tells a repeat from another one."""
