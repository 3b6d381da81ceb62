"""A loop in a thread of its own, for ``async def`` functions."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")
ANSWERS = 1.0
"""Seconds in which a loop answers; else a function blocks it."""


class Loop:
    """Runs coroutines until ``close``. One that blocks (``time.sleep``, an endless loop) holds up all the others."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # Python waits for no daemon thread at its end.
        self._thread = threading.Thread(target=self._loop.run_forever, name="functions", daemon=True)
        self._thread.start()

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine here."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def call(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Run a coroutine here and await it on the caller's loop; cancelled there, it is cancelled here.

        As ``asyncio.wrap_future(self.start(coroutine))``, at two thirds of the cost.
        """
        remote = _Remote(coroutine)
        self._loop.call_soon_threadsafe(remote.begin, self._loop)
        remote.answer.add_done_callback(partial(remote.give_up, self._loop))
        return remote.answer

    async def blocked(self) -> Future[None] | None:
        """Done as soon as the loop answers again; None: it does."""
        answer = self.start(_nothing())
        await asyncio.wait({asyncio.wrap_future(answer)}, timeout=ANSWERS)
        return None if answer.done() else answer

    def current(self) -> str:
        """Name of the task that runs at this moment."""
        task = asyncio.current_task(self._loop)
        return task.get_name() if task is not None else ""

    async def close(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()


class _Remote(Generic[T]):
    """A coroutine on another loop, and its answer on this one."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._caller = asyncio.get_running_loop()
        self._coroutine = coroutine
        self._task: asyncio.Task[T] | None = None
        self.answer: asyncio.Future[T] = self._caller.create_future()

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """On the other loop."""
        self._task = loop.create_task(self._coroutine)
        self._task.add_done_callback(self._end)

    def give_up(self, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[T]) -> None:
        """On the caller's, when the answer is there, or wanted no more."""
        if answer.cancelled():
            loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _end(self, task: asyncio.Task[T]) -> None:
        with contextlib.suppress(RuntimeError):  # the caller's loop is closed: nobody waits
            self._caller.call_soon_threadsafe(self._tell, task)

    def _tell(self, task: asyncio.Task[T]) -> None:
        error = None if task.cancelled() else task.exception()
        if self.answer.done():
            return
        if task.cancelled():
            self.answer.cancel()
        elif error is not None:
            self.answer.set_exception(error)
        else:
            self.answer.set_result(task.result())


async def _nothing() -> None:
    """Ends as soon as the loop has a moment."""
