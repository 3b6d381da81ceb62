"""Who works when: fair lanes of concurrent work, and the alarm that wakes instances whose timers fall due."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Awaitable, Callable, Hashable
from datetime import datetime
from typing import Generic, TypeVar

from host.clock import Clock

log = logging.getLogger(__name__)
K = TypeVar("K", bound=Hashable)


class Work:
    """Counts running work over several lanes; ``idle`` is set when there is none."""

    def __init__(self) -> None:
        self._count = 0
        self.idle = asyncio.Event()
        self.idle.set()

    def begin(self) -> None:
        self._count += 1
        self.idle.clear()

    def end(self) -> None:
        self._count -= 1
        if not self._count:
            self.idle.set()


class Lane(Generic[K]):
    """Runs ``work(key)``: at most ``limit`` keys at once, each key by itself, keys in the order of their calls."""

    def __init__(self, work: Callable[[K], Awaitable[None]], limit: int, running: Work) -> None:
        self._work = work
        self._limit = limit
        self._busy = running
        self._queue: dict[K, None] = {}
        self._running: dict[K, asyncio.Task[None]] = {}
        self._open = True

    def push(self, key: K) -> None:
        """Have the key worked on; once more after the present run, if it is running."""
        if not self._open or key in self._queue:
            return
        self._busy.begin()
        self._queue[key] = None
        self._fill()

    async def drain(self, *, finish: bool) -> None:
        """Take nothing more and return when running work, and with ``finish`` queued work too, has ended."""
        self._open = False
        if not finish:
            for _ in self._queue:
                self._busy.end()
            self._queue.clear()
        while self._running:
            await asyncio.wait(self._running.values())

    def _fill(self) -> None:
        free = self._limit - len(self._running)
        if free <= 0:
            return
        ready = []
        for key in self._queue:
            if key not in self._running:
                ready.append(key)
                if len(ready) == free:
                    break
        for key in ready:
            del self._queue[key]
            self._running[key] = asyncio.get_running_loop().create_task(self._run(key))

    async def _run(self, key: K) -> None:
        try:
            await self._work(key)
        except Exception:
            log.exception("The engine failed at %s; restart the host to take it up again", key)
        finally:
            del self._running[key]
            self._fill()
            self._busy.end()


class Alarm(Generic[K]):
    """Calls ``ring(key)`` when the clock reaches the time set for it. Sleeps in between; never polls."""

    def __init__(self, clock: Clock, ring: Callable[[K], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._heap: list[tuple[datetime, int, K]] = []
        self._order = itertools.count()
        self._sleeper: asyncio.Task[None] | None = None
        self._until: datetime | None = None
        self._stopped = False

    def set(self, when: datetime, key: K) -> None:
        """Several times may be set for one key."""
        if self._stopped:
            return
        heapq.heappush(self._heap, (when, next(self._order), key))
        if self._until is None or when < self._until:
            self._sleep()

    async def stop(self) -> None:
        """Forget all, for good."""
        self._stopped = True
        self._heap.clear()
        if self._sleeper is not None:
            self._sleeper.cancel()
            await asyncio.wait([self._sleeper])

    def _sleep(self) -> None:
        if self._sleeper is not None:
            self._sleeper.cancel()
        self._until = self._heap[0][0]
        self._sleeper = asyncio.get_running_loop().create_task(self._wait(self._until))

    async def _wait(self, until: datetime) -> None:
        await self._clock.sleep_until(until)
        self._sleeper, self._until = None, None
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            self._ring(heapq.heappop(self._heap)[2])
        if self._heap:
            self._sleep()
