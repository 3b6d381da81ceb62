"""One thread, one connection: each read sees one moment of the store, and waits for no write."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from host.store.link import Link

T = TypeVar("T")


class Reader:
    """Runs jobs on a snapshot, one after another."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hub-reader")

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Raises what the job raised, sqlite3.Error if the database is at fault, RuntimeError after ``close``."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._link.transaction, "BEGIN", job)

    async def close(self) -> None:
        """Finish what was asked, close the connection."""
        await asyncio.to_thread(self._thread.shutdown)
        self._link.close()
