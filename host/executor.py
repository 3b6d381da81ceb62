"""Where functions run.

Plain functions run in a thread pool, ``async def`` ones on one loop of their own that lives as long as the host (the
SDK's HTTP session belongs to one loop), orchestrators and entities in a pool of their own, so that a slow activity
never holds up a turn.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from host.call import Call, Outcome
from host.functions import Function, Kind
from host.runner import run_async, run_sync
from host.settings import StartupError

T = TypeVar("T")

THREADS = "PYTHON_THREADPOOL_THREAD_COUNT"
"""App setting: how many plain functions run at a time."""


class Executor:
    """The threads and the loop that functions run on."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_thread_count(), "function")
        self._turns = ThreadPoolExecutor(max(2, os.cpu_count() or 1), "turn")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="functions", daemon=True)
        self._thread.start()

    def submit(self, function: Function, call: Call) -> Awaitable[Outcome]:
        """Start a function; awaited on the caller's loop."""
        if function.is_async:
            return asyncio.wrap_future(self.start(run_async(function, call)))
        pool = self._turns if function.kind in (Kind.ORCHESTRATION, Kind.ENTITY) else self._pool
        return asyncio.get_running_loop().run_in_executor(pool, run_sync, function, call)

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the functions' loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def close(self) -> None:
        """Let running functions end, then end threads and loop."""
        await asyncio.to_thread(self._pool.shutdown)
        await asyncio.to_thread(self._turns.shutdown)
        await asyncio.wrap_future(self.start(_release()))
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()


def _thread_count() -> int | None:
    text = os.environ.get(THREADS, "")
    if text and not (text.isdecimal() and int(text) > 0):
        raise StartupError(f"{THREADS} must be a number from 1 on.")
    return int(text) if text else None


async def _release() -> None:
    """End what still runs on this loop, and the SDK's HTTP session, which belongs to it (SDK 1.7, ``http_utils``)."""
    from azure.durable_functions.models.utils import http_utils

    running = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await http_utils._close_session()
    http_utils._client_session = None
    http_utils._session_lock = asyncio.Lock()
