"""Invoke functions in a child process, so that one that hangs can be killed.

Like Azure, a timeout kills the whole process, and here the processes that its functions have started too: other
functions that ran in it are run again by whoever called them.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from host import frames
from host.app import AppIndex
from host.call import Call, Outcome, call_to_json, outcome_from_json
from host.functions import Function
from host.invocation import FunctionFailed
from host.invoker import AppInvoker, timed_out
from host.places import TURNS
from host.settings import StartupError
from host.telemetry import Telemetry

log = logging.getLogger("host.isolation")

PAUSE = 1.0
"""Seconds between two starts of a process that died."""


class WorkerLost(Exception):
    """The process of the functions ended before this call did."""


class IsolatedInvoker(AppInvoker):
    """Runs functions in a child process, which is started at the first call and again when it died."""

    in_process = False

    def __init__(self, app: AppIndex, telemetry: Telemetry | None = None, arguments: Sequence[str] = ()) -> None:
        super().__init__(app, telemetry)
        self._arguments = tuple(arguments)
        self._starting = asyncio.Lock()
        self._worker: _Worker | None = None

    async def _call(self, function: Function, call: Call) -> Outcome:
        """Run any function; WorkerLost says that the process died: call again."""
        place = await self._places.take(function)
        try:
            worker = await self._ready()
        except BaseException:
            place.leave()
            raise
        job = asyncio.ensure_future(worker.call(call))
        place.leave_with(job)
        if await self._in_time(function, job, place):
            return job.result()
        log.error("%s ran longer than functionTimeout: the process of the functions is killed", function.name)
        worker.kill()
        job.cancel()
        raise WorkerLost(function.name) if function.kind in TURNS else timed_out(function.name, self._timeout)

    async def open(self) -> None:
        """Start the process."""
        try:
            await self._ready()
        except WorkerLost as error:
            raise StartupError(f"With --isolate, {error}: the reason is above.") from None

    async def _ready(self) -> _Worker:
        """The running process; a new one if there is none."""
        async with self._starting:
            if self._worker is None or self._worker.lost:
                if self._worker is not None:
                    await asyncio.sleep(PAUSE)
                self._worker = await _Worker.start(self.app, self._arguments)
            return self._worker

    async def close(self) -> None:
        """End the process."""
        if self._worker is not None:
            await self._worker.close()
        await super().close()


def _environment() -> dict[str, str]:
    """The child runs in the app's directory and must find this package all the same."""
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return dict(os.environ) | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


class _Worker:
    """One child process."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.lost = False
        self._closing = False
        self._process = process
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Outcome]] = {}
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, app: AppIndex, arguments: Sequence[str]) -> _Worker:
        """Start a process and wait until it has loaded the app."""
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "host.worker", "--app", str(app.directory), "--fd", str(theirs.fileno())]
        process = await asyncio.create_subprocess_exec(
            *command, *arguments, pass_fds=[theirs.fileno()], start_new_session=True, env=_environment()
        )
        theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        if await frames.read(reader) is None:
            writer.close()
            await process.wait()
            raise WorkerLost("the process of the functions could not load the app")
        return cls(process, reader, writer)

    async def call(self, call: Call) -> Outcome:
        """Send a call and wait for its answer."""
        number = next(self._numbers)
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            if self.lost:
                raise WorkerLost(call.function)
            frames.write(self._writer, {"id": number, "call": call_to_json(call)})
            return await answer
        finally:
            del self._waiting[number]

    def kill(self) -> None:
        """End the process at once, with what its functions have started."""
        self.lost = self._closing = True
        self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def close(self) -> None:
        """Close the pipe and wait for the end."""
        self._closing = True
        self._writer.close()
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self.kill()
            await self._process.wait()
        await self._listening

    async def _listen(self) -> None:
        while (message := await frames.read(self._reader)) is not None:
            waiting = self._waiting.get(message["id"])
            if waiting is None or waiting.done():
                continue
            if "failed" in message:
                kind, text, places = message["failed"]
                waiting.set_exception(FunctionFailed(kind, text, tuple(places)))
            else:
                waiting.set_result(outcome_from_json(message["outcome"]))
        self.lost = True
        self._writer.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(WorkerLost("the process of the functions ended"))
        if not self._closing:
            self._kill_group()  # its functions run again: nothing of their first run goes on beside them
        code = await self._process.wait()
        if not self._closing:
            log.error("the process of the functions ended with status %d; the next call starts another", code)
