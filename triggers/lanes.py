"""A lane as consumers and operators see it: signals to its entity, which they look at until it shows what became of
them (a signal has no answer)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from adapters.events.base import Position
from domain.errors import Unavailable
from domain.events.lane import EVENT_LANE, Lane, Place, lane_key
from triggers.instances import Instances

PATIENCE: Final = 10.0
"""Seconds within which the entity must show what it was told."""
_FIRST: Final = 0.01
_LONGEST: Final = 0.64


def place(position: Position) -> Place:
    """Where a record lies within its topic."""
    return Place(position.partition, position.offset)


class Lanes:
    """One lane. Every method may be repeated, and all but ``leave`` raise ``Unavailable('durable')``."""

    def __init__(self, instances: Instances, topic: str, lane: str) -> None:
        self._instances = instances
        self._key = lane_key(topic, lane)

    async def look(self) -> Lane:
        """The lane as it stands."""
        return Lane.model_validate(await self._instances.entity(EVENT_LANE, self._key) or {})

    async def block(self, at: Place) -> None:
        """Return when the letter at ``at`` holds up the lane, or was dealt with already."""
        await self._tell("block", {"place": at}, lambda lane: at in (*lane.letters, *lane.closed))

    async def park(self, at: Place) -> bool:
        """Park the record at ``at``. ``False``: nothing holds it up any more."""
        lane = await self._tell("park", {"place": at}, lambda lane: at in lane.parked or not lane.holds_up(at))
        return at in lane.parked

    async def unpark(self, at: Place) -> None:
        """Return when the record at ``at`` waits no more."""
        await self._tell("unpark", {"place": at}, lambda lane: at not in lane.parked)

    async def release(self, at: Place) -> bool:
        """Take the letter at ``at`` out. ``False``: a record was parked behind it meanwhile."""
        lane = await self._tell("release", {"place": at}, lambda lane: at not in lane.letters or _sole(lane))
        return at not in lane.letters

    async def take(self, by: str, now: datetime, until: datetime) -> bool:
        """Have a turn at the lane. ``False``: somebody else has one."""
        data = {"by": by, "at": now.isoformat(), "until": until.isoformat()}
        lane = await self._tell("take", data, lambda lane: lane.turn is not None and lane.turn.until > now, again=True)
        return lane.turn is not None and lane.turn.by == by

    async def leave(self, by: str) -> None:
        """End the turn, so that the next operator need not wait; one that cannot be ended now ends by itself."""
        with suppress(Unavailable):
            await self._tell("leave", {"by": by}, lambda lane: lane.turn is None or lane.turn.by != by)

    async def _tell(
        self, operation: str, data: dict[str, Any], shows: Callable[[Lane], bool], *, again: bool = False
    ) -> Lane:
        await self._instances.signal(EVENT_LANE, self._key, operation, data)
        begin, delay = time.monotonic(), _FIRST
        while not shows(lane := await self.look()):
            if time.monotonic() - begin > PATIENCE:
                raise Unavailable("durable", "the entity of the lane does not take what it is told")
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LONGEST)
            if again:
                await self._instances.signal(EVENT_LANE, self._key, operation, data)
        return lane


def _sole(lane: Lane) -> bool:
    """Whether its one letter has records behind it, and so cannot be released."""
    return len(lane.letters) == 1 and bool(lane.parked)
