"""Where functions run.

Plain functions, orchestrators and entities run in threads, ``async def`` functions on one loop of their own that lives
as long as the host (the SDK's HTTP session belongs to one loop).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from host.call import Call, Outcome
from host.functions import Function
from host.loop import Loop
from host.runner import run_async, run_sync
from host.threads import Threads

T = TypeVar("T")


class Executor:
    """The threads and the loop that functions run on. ``host.places`` says how many run at a time."""

    def __init__(self) -> None:
        self._threads = Threads[str]("function")
        self._loop = Loop()
        self._blocked: list[tuple[Future[None], str]] = []
        """Of each loop that was left: done when it answers again, and the function that blocks it."""

    @property
    def hanging(self) -> tuple[str, ...]:
        """Labels of calls that were given up and still hold a thread."""
        self._blocked = [(answer, name) for answer, name in self._blocked if not answer.done()]
        return (*self._threads.hanging.values(), *(name for _, name in self._blocked))

    def submit(self, function: Function, call: Call) -> asyncio.Future[Outcome]:
        """Start a function at once; awaited on the caller's loop."""
        if function.is_async:
            return self._loop.call(_run_async(function, call))
        return self._threads.start(partial(run_sync, function, call))

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the functions' loop."""
        return self._loop.start(coroutine)

    async def give_up(self, function: Function, job: asyncio.Future[Outcome], label: str) -> str | None:
        """Wait no longer for a call: a coroutine ends at its next step, a thread cannot be ended.

        Returns the label of what goes on all the same; None: nothing does.
        """
        if not function.is_async:
            self._threads.give_up(job, label)
            return label
        job.cancel()
        loop = self._loop
        answer = await loop.blocked()
        if answer is None or loop is not self._loop:
            return None
        blocking = loop.current()
        self._blocked.append((answer, blocking))
        self._loop = Loop()
        _forget_session()
        return blocking

    async def close(self) -> None:
        """Let running functions end, then end threads and loop; those that hang are left."""
        await self._threads.close()
        if await self._loop.blocked() is None:
            await asyncio.wrap_future(self.start(_release()))
            await self._loop.close()


async def _run_async(function: Function, call: Call) -> Outcome:
    if (task := asyncio.current_task()) is not None:
        task.set_name(function.name)
    return await run_async(function, call)


async def _release() -> None:
    """End what still runs on this loop, and the SDK's HTTP session, which belongs to it (SDK 1.7, ``http_utils``)."""
    from azure.durable_functions.models.utils import http_utils

    running = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await http_utils._close_session()
    _forget_session()


def _forget_session() -> None:
    from azure.durable_functions.models.utils import http_utils

    http_utils._client_session = None
    http_utils._session_lock = asyncio.Lock()
