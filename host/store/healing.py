"""A store that is at fault is tried again though nobody asks anything of it: a host that is said not to be ready is
asked nothing, and would never learn that it is well again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable


class Healing:
    """Tries a store every so many seconds until it is well."""

    def __init__(self, seconds: float, fault: Callable[[], str | None], attempt: Callable[[], Awaitable[None]]) -> None:
        """``attempt`` reads and writes a little; what it raises is a fault that lasts."""
        self._seconds = seconds
        self._fault = fault
        self._attempt = attempt
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Something has failed; it need not have been the store."""
        if self._fault() is not None and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(), name="healing")

    async def stop(self) -> None:
        """Try no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._fault() is not None:
            await asyncio.sleep(self._seconds)
            with contextlib.suppress(Exception):
                await self._attempt()
