"""Time of the host. Nothing in ``host/`` asks the operating system for it but through a ``Clock``."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

LONGEST_NAP = 60.0
"""Seconds: a sleeper looks at the wall clock at least this often, so a changed or resumed machine clock is noticed."""


LAST = datetime.max.replace(tzinfo=UTC)


class Clock(Protocol):
    """Source of all time."""

    def now(self) -> datetime:
        """The instant now, aware, in UTC."""

    async def sleep_until(self, when: datetime) -> None:
        """Return at or after ``when`` (aware); at once if it is past. May be cancelled."""


class SystemClock:
    """The machine's clock, which never goes back here: set back, it stands still until it has caught up.

    So what has fallen due stays due, and what happens later is never dated earlier.
    """

    def __init__(self) -> None:
        self._reached = _wall()

    def now(self) -> datetime:
        self._reached = max(self._reached, _wall())
        return self._reached

    async def sleep_until(self, when: datetime) -> None:
        while self.now() < when:  # noqa: ASYNC110 waits for time
            await asyncio.sleep(min(max(0.0, (when - _wall()).total_seconds()), LONGEST_NAP))


def _wall() -> datetime:
    return datetime.now(UTC)


class VirtualClock:
    """A clock that moves only when told. For tests and ``--clock virtual``.

    Whoever works at a wake-up registers with ``settle_with`` a coroutine function that returns when its work is done;
    ``advance`` waits for all of them before time moves on, so a timer sees the world as of its own instant.
    """

    HOPS = 8
    """Loop turns that a woken or new sleeper gets before anyone asks whether work has ended."""

    def __init__(self, start: datetime = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) -> None:
        self._now = start.astimezone(UTC)
        self._order = itertools.count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._settlers: list[Callable[[], Awaitable[None]]] = []
        self._moving = asyncio.Lock()

    def now(self) -> datetime:
        return self._now

    async def sleep_until(self, when: datetime) -> None:
        if when <= self._now:
            return
        waker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (when, next(self._order), waker))
        await waker

    def settle_with(self, idle: Callable[[], Awaitable[None]]) -> None:
        """``idle`` is awaited before time moves and after each wake-up."""
        self._settlers.append(idle)

    async def advance(self, by: timedelta | None = None, **units: float) -> None:
        """Move time by ``by`` or ``timedelta(**units)``; what falls due happens in order, each at its instant.

        One that is called while another runs comes after it.
        ValueError: It would go back, or beyond the year 9999.
        """
        span = timedelta(**units) if by is None else by
        if span < timedelta(0):
            raise ValueError("Time goes forward alone.")
        async with self._moving:
            if span > LAST - self._now:
                raise ValueError("The calendar ends with the year 9999.")
            await self.advance_to(self._now + span)

    async def advance_to(self, when: datetime) -> None:
        """Move time to ``when``."""
        await self.settle()
        while (due := self._next_due(when)) is not None:
            self._now = max(self._now, due[0])
            due[2].set_result(None)
            await self.settle()
        self._now = max(self._now, when.astimezone(UTC))

    async def settle(self) -> None:
        """Return when every woken sleeper has done its work."""
        for idle in (*self._settlers, *self._settlers):  # twice: work may end with a new sleeper that is due
            await self._hop()
            await idle()
        await self._hop()

    async def _hop(self) -> None:
        for _ in range(self.HOPS):
            await asyncio.sleep(0)

    def _next_due(self, limit: datetime) -> tuple[datetime, int, asyncio.Future[None]] | None:
        while self._sleepers and (self._sleepers[0][2].done() or self._sleepers[0][0] <= limit):
            sleeper = heapq.heappop(self._sleepers)
            if not sleeper[2].done():
                return sleeper
        return None
