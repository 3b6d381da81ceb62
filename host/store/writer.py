"""One thread, one connection, group commit: what is waiting when a transaction begins shares its sync to disk."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from host.crashpoints import crash_point

T = TypeVar("T")
LARGEST_GROUP = 256
_Job = tuple[Callable[[sqlite3.Connection], Any], "asyncio.Future[Any]"]
_Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]


class Writer:
    """Runs jobs, each all or nothing, and answers them when their transaction is durable."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._serve, name="hub-writer", daemon=True)
        self._thread.start()

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``job`` in a transaction; returns when that is on disk. What the job raises undoes the job alone."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((job, future))
        return await future

    async def close(self) -> None:
        """Finish what was asked, close the connection."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        connection = self._connect()
        while (job := self._jobs.get()) is not None:
            group, closing = self._gather(job)
            outcomes = _transaction(connection, group)
            self._loop.call_soon_threadsafe(_answer, outcomes)
            if closing:
                break
        connection.close()

    def _gather(self, first: _Job) -> tuple[list[_Job], bool]:
        group = [first]
        while len(group) < LARGEST_GROUP:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return group, True
            group.append(job)
        return group, False


def _transaction(connection: sqlite3.Connection, group: list[_Job]) -> list[_Outcome]:
    try:
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [_run(connection, job, future) for job, future in group]
        crash_point("before-commit")
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return [(future, None, error) for _, future in group]
    return outcomes


def _run(
    connection: sqlite3.Connection, job: Callable[[sqlite3.Connection], Any], future: asyncio.Future[Any]
) -> _Outcome:
    connection.execute("SAVEPOINT job")
    try:
        outcome: _Outcome = (future, job(connection), None)
    except Exception as error:
        connection.execute("ROLLBACK TO job")
        outcome = (future, None, error)
    connection.execute("RELEASE job")
    return outcome


def _answer(outcomes: list[_Outcome]) -> None:
    for future, result, error in outcomes:
        if future.cancelled():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
