"""Who works when: fair lanes of concurrent work."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

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


class FairQueue(Generic[K]):
    """Groups take turns; within its group, a key keeps its place. ``push`` and ``pop`` take constant time."""

    def __init__(self, group: Callable[[K], Hashable] | None = None) -> None:
        """``group``: what takes turns; without it, the keys come out as they went in."""
        self._group = group
        self._lines: dict[Hashable, deque[K]] = {}
        self._turns: deque[Hashable] = deque()

    def __bool__(self) -> bool:
        return bool(self._turns)

    def push(self, key: K) -> None:
        """Put a key at the end of its group's line."""
        group = None if self._group is None else self._group(key)
        if (line := self._lines.get(group)) is not None:
            line.append(key)
        else:
            self._lines[group] = deque((key,))
            self._turns.append(group)

    def pop(self) -> K:
        """Take the first key of the group whose turn it is, which then goes behind the others. Raises IndexError."""
        group = self._turns.popleft()
        line = self._lines[group]
        key = line.popleft()
        if line:
            self._turns.append(group)
        else:
            del self._lines[group]
        return key

    def clear(self) -> None:
        """Forget all."""
        self._lines.clear()
        self._turns.clear()


class Lane(Generic[K]):
    """Runs ``work(key)``: at most ``limit`` keys at once, each key by itself, in the order of a ``FairQueue``.

    Whoever comes back from ``away`` does not wait for a place: for that long there may be more.
    """

    def __init__(
        self,
        work: Callable[[K], Awaitable[None]],
        limit: int,
        running: Work,
        group: Callable[[K], Hashable] | None = None,
    ) -> None:
        self._work = work
        self._limit = limit
        self._busy = running
        self._queue = FairQueue(group)
        self._waiting: set[K] = set()
        """Those in the queue, and those that enter it when their present run ends."""
        self._running: dict[K, asyncio.Task[None]] = {}
        self._away = 0
        self._open = True

    def push(self, key: K) -> None:
        """Have the key worked on; once more after the present run, if it is running."""
        if not self._open or key in self._waiting:
            return
        self._busy.begin()
        self._waiting.add(key)
        if key not in self._running:
            self._queue.push(key)
            self._fill()

    def holds(self, key: K) -> bool:
        """Whether the key is worked on or waits for it."""
        return key in self._running or key in self._waiting

    @contextmanager
    def away(self) -> Iterator[None]:
        """While it lasts, one of the running waits for what is outside: its place is free, and it is no work."""
        self._away += 1
        self._busy.end()
        self._fill()
        try:
            yield
        finally:
            self._busy.begin()
            self._away -= 1

    async def drain(self, *, finish: bool) -> None:
        """Take nothing more and return when running work, and with ``finish`` queued work too, has ended."""
        self._open = False
        if not finish:
            for _ in self._waiting:
                self._busy.end()
            self._waiting.clear()
            self._queue.clear()
        while self._running:
            await asyncio.wait(self._running.values())

    def _fill(self) -> None:
        while self._queue and len(self._running) - self._away < self._limit:
            key = self._queue.pop()
            self._waiting.discard(key)
            self._running[key] = asyncio.get_running_loop().create_task(self._run(key))

    async def _run(self, key: K) -> None:
        try:
            await self._work(key)
        except Exception:
            log.exception("The engine failed at %s; restart the host to take it up again", key)
        finally:
            del self._running[key]
            if key in self._waiting:
                self._queue.push(key)
            self._fill()
            self._busy.end()
