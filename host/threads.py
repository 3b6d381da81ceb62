"""Threads for work that may hang: one that never comes back is left behind and takes nothing with it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")
L = TypeVar("L")
_Job = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]
_Jobs = SimpleQueue[_Job | None]


class Threads(Generic[L]):
    """Daemon threads, made as they are needed and used again: as many as jobs run at the same time.

    ``L``: how work that was given up is known.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._made = 0
        self._free: list[_Jobs] = []
        self._awaited: set[asyncio.Future[Any]] = set()
        self._closed = False
        self.hanging: dict[asyncio.Future[Any], L] = {}
        """What was given up and still holds its thread."""

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Run ``work`` at once, in a thread that does nothing else meanwhile."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._awaited.add(answer)
        answer.add_done_callback(self._awaited.discard)
        jobs = self._free.pop() if self._free else self._make()
        jobs.put((work, loop, answer))
        return answer

    def give_up(self, answer: asyncio.Future[Any], label: L) -> None:
        """Wait no longer for work that was started: what it still answers is dropped."""
        if answer.cancel():
            self.hanging[answer] = label

    async def close(self) -> None:
        """Wait for the work that was not given up, and end the threads that have none."""
        while self._awaited:
            await asyncio.wait(self._awaited)
        self._closed = True
        for jobs in self._free:
            jobs.put(None)
        self._free.clear()

    def _make(self) -> _Jobs:
        jobs: _Jobs = SimpleQueue()
        self._made += 1
        # Python waits for no daemon thread at its end.
        threading.Thread(target=self._serve, args=(jobs,), name=f"{self._name}_{self._made}", daemon=True).start()
        return jobs

    def _serve(self, jobs: _Jobs) -> None:
        while (job := jobs.get()) is not None:
            work, loop, answer = job
            result, error = _outcome(work)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(self._end, jobs, answer, result, error)
            del job, work, answer, result, error  # an idle thread keeps nothing alive

    def _end(self, jobs: _Jobs, answer: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        if self._closed:
            jobs.put(None)
        else:
            self._free.append(jobs)
        self.hanging.pop(answer, None)
        if answer.done():  # it was given up
            return
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)


def _outcome(work: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return work(), None
    except BaseException as error:
        return None, error
