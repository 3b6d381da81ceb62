"""The read model of monitoring: a timeline of each case. A projection, which can be deleted and is then built again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from domain.process.timeline import Timeline

MOST: Final = 10_000
"""Cases of one answer: those begun last."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases; all fields narrow."""

    workflow: str
    version: str
    since: datetime | None = None
    """Begun then or later."""
    line_of_business: str | None = None
    deviating: bool = False
    """Only those that went where their model has no way."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the read model has of a case."""

    updated: datetime
    """When its history had last grown, to the second, as the task hub says it."""
    read: datetime
    """When it was read."""


class Analytics(Protocol):
    """Where timelines are kept. Writing one twice, or two in any order, makes no difference beyond the last."""

    async def put(self, timelines: Sequence[Timeline], read: datetime) -> None:
        """Keep ``timelines``, read from the task hub at ``read``, in place of what was kept of these cases."""

    async def open(self) -> Mapping[str, Known]:
        """The cases that had not ended when they were read, by id."""

    async def known(self, ids: Collection[str]) -> Mapping[str, Known]:
        """Those of ``ids`` that are kept."""

    async def get(self, case: str) -> Timeline | None:
        """One case."""

    async def versions(self) -> Sequence[tuple[str, str]]:
        """Every workflow and version that a case was read of, in order."""

    async def find(self, wanted: Wanted) -> Sequence[Timeline]:
        """The cases, in the order of their begin; of more than ``MOST`` the last ones."""

    async def swept(self) -> datetime | None:
        """Until when all cases were read that had been begun; ``None``: never."""

    async def sweep(self, until: datetime) -> None:
        """Remember that all cases were read that had been begun at ``until``."""
