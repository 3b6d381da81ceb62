"""How long a record may fail as if a system were away, while every system answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from adapters.connections import Connections
from adapters.events.base import Position
from domain.errors import Unavailable
from triggers.instances import Instances

LONG: Final = timedelta(minutes=15)
"""Longer than any case is between two waits, and than the breaks of a system that comes and goes."""
PAUSE: Final = timedelta(minutes=5)
"""After so long without a try somebody else had the record meanwhile, and it is new here."""


@dataclass(frozen=True, slots=True)
class Patience:
    """The records that fail in this process. What a process forgets at its end is tried for as long again."""

    _failing: dict[Position, tuple[datetime, datetime]] = field(default_factory=dict)
    """First and last failure with all systems in reach."""

    async def is_over(self, at: Position, to: Connections, instances: Instances) -> bool:
        """Count a failure. Whether it has failed for ``LONG`` and each time all systems answered: a system that was
        away even once begins it anew."""
        try:
            await to.fhir.ready()
            await instances.ready()
        except Unavailable:
            self.forget(at)
            return False
        now = to.now()
        first, last = self._failing.get(at, (now, now))
        first = first if now - last < PAUSE else now
        self._failing[at] = first, now
        return now - first >= LONG

    def forget(self, at: Position) -> None:
        """It was taken, or a letter tells of it."""
        self._failing.pop(at, None)
