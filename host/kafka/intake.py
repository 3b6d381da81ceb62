"""How records wait for their function between the consumer's thread and the host's loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from host.kafka.record import Held, Record, by_partition

Deliver = Callable[[Sequence[Record]], Awaitable[None]]


class Intake(Protocol):
    """Takes records and has them delivered."""

    def offer(self, records: Sequence[Record]) -> bool:
        """Take records; False: no room. From any thread."""


class Channel:
    """The extension's: whole batches, one at a time; the next one waits for the slowest partition of the last."""

    def __init__(self, deliver: Deliver, many: bool, capacity: int) -> None:
        self._deliver = deliver
        self._many = many
        self._capacity = capacity
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Sequence[Record]] = deque()
        self._running: asyncio.Task[None] | None = None

    def offer(self, records: Sequence[Record]) -> bool:
        if len(self._waiting) >= self._capacity:
            return False
        self._waiting.append(records)
        self._loop.call_soon_threadsafe(self._wake)
        return True

    def _wake(self) -> None:
        if self._running is None:
            self._running = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._waiting:
            batch = self._waiting.popleft()
            if self._many:
                await self._deliver(batch)
            else:
                await asyncio.gather(*(self._in_order(own) for own in by_partition(batch).values()))
        self._running = None

    async def _in_order(self, records: Sequence[Record]) -> None:
        for record in records:
            await self._deliver([record])


class Streams:
    """The quick one: each partition goes on by itself, in its own order."""

    def __init__(self, deliver: Deliver, many: bool, batch: int) -> None:
        self._deliver = deliver
        self._batch = batch if many else 1
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[Held, deque[Record]] = {}
        self._running: set[asyncio.Task[None]] = set()

    def offer(self, records: Sequence[Record]) -> bool:
        self._loop.call_soon_threadsafe(self._take, records)
        return True

    def _take(self, records: Sequence[Record]) -> None:
        for held, own in by_partition(records).items():
            if held in self._waiting:
                self._waiting[held].extend(own)
                continue
            self._waiting[held] = deque(own)
            task = asyncio.create_task(self._run(held))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(self, held: Held) -> None:
        waiting = self._waiting[held]
        while waiting and not held.closing:
            await self._deliver([waiting.popleft() for _ in range(min(self._batch, len(waiting)))])
        del self._waiting[held]
