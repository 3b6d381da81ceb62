"""A loop in a thread of its own, for ``async def`` functions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

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


async def _nothing() -> None:
    """Ends as soon as the loop has a moment."""
