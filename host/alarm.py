"""Wakes instances whose timers fall due."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Generic, TypeVar

from host.clock import Clock

K = TypeVar("K", bound=Hashable)


class Alarm(Generic[K]):
    """Calls ``ring(key)`` when the clock reaches the time set for it. Sleeps in between; never polls."""

    def __init__(self, clock: Clock, ring: Callable[[K], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._heap: list[tuple[datetime, int, K]] = []
        self._order = itertools.count()
        self._counts: Counter[K] = Counter()
        """How many times of each key are in the heap and were not forgotten."""
        self._forgotten: dict[K, int] = {}
        """Of each key, the place in the order up to which its times are void, while there are some in the heap."""
        self._void = 0
        self._sleeper: asyncio.Task[None] | None = None
        self._until: datetime | None = None
        self._stopped = False

    def set(self, when: datetime, key: K) -> None:
        """Several times may be set for one key."""
        if self._stopped:
            return
        heapq.heappush(self._heap, (when, next(self._order), key))
        self._counts[key] += 1
        if self._until is None or when < self._until:
            self._sleep()

    def forget(self, key: K) -> None:
        """Do not ring for what is set for the key by now."""
        if not (count := self._counts.pop(key, 0)):
            return
        self._forgotten[key] = next(self._order)
        self._void += count
        if max(self._void, len(self._forgotten)) > len(self._heap) // 2:  # so all that were forgotten share the cost
            self._heap = [entry for entry in self._heap if self._stands(entry)]
            heapq.heapify(self._heap)
            self._forgotten.clear()
            self._void = 0

    def _stands(self, entry: tuple[datetime, int, K]) -> bool:
        _, order, key = entry
        return order > self._forgotten.get(key, -1)

    def _pop(self) -> K | None:
        """Take out the earliest; None: it was forgotten."""
        entry = heapq.heappop(self._heap)
        key = entry[2]
        if not self._stands(entry):
            self._void -= 1
            return None
        self._counts[key] -= 1
        if not self._counts[key]:
            del self._counts[key]
        return key

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
            if (key := self._pop()) is not None:
                self._ring(key)
        if self._heap:
            self._sleep()
