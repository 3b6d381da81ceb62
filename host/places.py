"""How many functions run at a time in threads."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from host.functions import Function, Kind
from host.settings import StartupError

THREADS = "PYTHON_THREADPOOL_THREAD_COUNT"
"""App setting: how many plain functions run at a time."""
TURNS = frozenset({Kind.ORCHESTRATION, Kind.ENTITY})
"""Functions that compute and do not wait. What was asked of one that was given up is asked again."""
PATIENCE = 1.0
"""Seconds after which a turn that still runs makes room for others: it may hang."""


class Place:
    """Taken by one call."""

    def __init__(self, limit: asyncio.Semaphore | None) -> None:
        self._limit = limit

    def leave(self) -> None:
        """Let another have it; once is enough."""
        if self._limit is not None:
            self._limit.release()
            self._limit = None

    def leave_with(self, job: asyncio.Future[Any]) -> None:
        """Leave when a job ends or is given up; that it fails is not logged, should nobody ask."""
        job.add_done_callback(self._ended)

    def _ended(self, job: asyncio.Future[Any]) -> None:
        self.leave()
        if not job.cancelled():
            job.exception()


class Places:
    """Plain functions and turns have places of their own: a slow activity never holds up a turn.

    Raises:
        StartupError: The number of threads in the app settings is none.
    """

    def __init__(self) -> None:
        self._plain = asyncio.Semaphore(_thread_count())
        self._turns = asyncio.Semaphore(max(2, os.cpu_count() or 1))

    async def take(self, function: Function) -> Place:
        """Wait for a place; ``async def`` functions need none."""
        if function.is_async:
            return Place(None)
        limit = self._turns if function.kind in TURNS else self._plain
        await limit.acquire()
        return Place(limit)


def _thread_count() -> int:
    """By default as many as the Python worker of Azure has: those of ``concurrent.futures.ThreadPoolExecutor``."""
    text = os.environ.get(THREADS, "")
    if text and not (text.isdecimal() and int(text) > 0):
        raise StartupError(f"{THREADS} must be a number from 1 on.")
    return int(text) if text else min(32, (os.cpu_count() or 1) + 4)
