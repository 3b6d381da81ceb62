"""Where functions run.

Plain functions, orchestrators and entities run in threads, ``async def`` functions on one loop of their own that lives
as long as the host (the SDK's HTTP session belongs to one loop).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from host.call import Call, Outcome
from host.functions import Function
from host.invocation import FunctionFailed
from host.runner import frames, run_async, run_sync
from host.threads import Threads

T = TypeVar("T")


class Executor:
    """The threads and the loop that functions run on. ``host.places`` says how many run at a time."""

    def __init__(self) -> None:
        self._threads = Threads[Call]("function")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="functions", daemon=True)
        self._thread.start()

    @property
    def hanging(self) -> tuple[Call, ...]:
        """Calls that were given up and still hold a thread."""
        return tuple(self._threads.hanging.values())

    def give_up(self, function: Function, call: Call, job: asyncio.Future[Outcome]) -> None:
        """Wait no longer for a call. A coroutine ends at its next step; a thread cannot be ended."""
        if function.is_async:
            job.cancel()
        else:
            self._threads.give_up(job, call)

    def submit(self, function: Function, call: Call) -> asyncio.Future[Outcome]:
        """Start a function at once; awaited on the caller's loop."""
        if function.is_async:
            return asyncio.wrap_future(self.start(_run_async(function, call)))
        return self._threads.start(partial(_run_sync, function, call))

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the functions' loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def close(self) -> None:
        """Let running functions end, then end threads and loop."""
        await self._threads.close()
        await asyncio.wrap_future(self.start(_release()))
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()


def _run_sync(function: Function, call: Call) -> Outcome:
    try:
        return run_sync(function, call)
    except (SystemExit, KeyboardInterrupt) as error:
        raise _left(error) from None


async def _run_async(function: Function, call: Call) -> Outcome:
    try:
        return await run_async(function, call)
    except (SystemExit, KeyboardInterrupt) as error:
        raise _left(error) from None


def _left(error: BaseException) -> FunctionFailed:
    """An app that leaves the process by an exception would stop the loop of all others."""
    return FunctionFailed(type(error).__name__, str(error), frames(error))


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
