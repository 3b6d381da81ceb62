"""One thread, one connection, group commit: what is waiting when a transaction begins shares its sync to disk."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from host.crashpoints import crash_point
from host.store.faults import FULL, fault_of
from host.store.link import Link

T = TypeVar("T")
LARGEST_GROUP = 256


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[sqlite3.Connection], Any]
    done: Callable[[Any], None]
    future: asyncio.Future[Any]


_Outcome = tuple[_Job, Any, BaseException | None]


class Writer:
    """Runs jobs, each all or nothing, and answers them when their transaction is durable.

    A job may run twice: what it does besides its statements must bear that.
    """

    def __init__(self, link: Link, doubt: Callable[[], None] = lambda: None) -> None:
        """``doubt`` is called, on this loop, when the database was at fault: what the file holds is not known then."""
        self._link = link
        self._doubt = doubt
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="hub-writer", daemon=True)
        self._thread.start()

    async def run(self, job: Callable[[sqlite3.Connection], T], done: Callable[[T], None] = lambda _: None) -> T:
        """Run ``job`` in a transaction; returns when that is on disk. What the job raises undoes the job alone.

        ``done`` is called with what the job returned, on this loop, before anyone hears of it: for all jobs in the
        order of their transactions, also when nobody waits any more. It must not raise.

        Raises what the job raised, sqlite3.Error if the database is at fault, RuntimeError after ``close``.
        """
        if self._closed:
            raise RuntimeError("The store is closed.")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(job, done, future))
        return await future

    async def close(self) -> None:
        """Finish what was asked, close the connection."""
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        closing = False
        while not closing and (job := self._jobs.get()) is not None:
            group, closing = self._gather(job)
            outcomes = self._write(group)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                self._loop.call_soon_threadsafe(self._answer, outcomes)
        self._link.close()

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

    def _write(self, group: list[_Job]) -> list[_Outcome]:
        """All in one transaction. If that fails for one of them, each in its own.

        A disk may be full for one large job alone; any other fault of the database is everybody's.
        """
        try:
            results = self._link.transaction("BEGIN IMMEDIATE", lambda connection: _run(connection, group))
        except BaseException as error:
            if len(group) == 1 or fault_of(error) not in (None, FULL):
                return [(job, None, error) for job in group]
            return [outcome for one in group for outcome in self._write([one])]
        crash_point("before-answer")
        return [(job, result, None) for job, result in zip(group, results, strict=True)]

    def _answer(self, outcomes: list[_Outcome]) -> None:
        for job, result, error in outcomes:
            if error is None:
                job.done(result)
            elif fault_of(error) is not None:
                self._doubt()
            if not job.future.done():  # else cancelled
                _tell(job.future, result, error)


def _run(connection: sqlite3.Connection, group: list[_Job]) -> list[Any]:
    results = []
    for number, job in enumerate(group):
        if number:
            crash_point("mid-batch")
        results.append(job.work(connection))
    crash_point("before-commit")
    return results


def _tell(future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if error is None:
        future.set_result(result)
    elif isinstance(error, Exception) and not isinstance(error, StopIteration):
        future.set_exception(error)
    else:  # a future does not take it, or the loop would stop at it
        future.set_exception(RuntimeError(f"A job of the store raised {type(error).__name__}."))
