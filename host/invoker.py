"""Invoke the functions of one app in this process.

Plain functions run in a thread pool, ``async def`` ones on one loop of their own that lives as long as the host (the
SDK's HTTP session belongs to one loop), orchestrators and entities in a pool of their own, so that a slow activity
never holds up a turn.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

from host.app import AppIndex
from host.call import Answer, Call, Outcome, Outputs
from host.functions import Function, Kind
from host.invocation import TIMED_OUT, FunctionFailed, Invocation
from host.invocation import Kind as DurableKind
from host.runner import run_async, run_sync
from host.settings import StartupError
from host.telemetry import Telemetry

log = logging.getLogger("host.invoker")

T = TypeVar("T")
Send = Callable[[Function, Outputs], Awaitable[None]]

THREADS = "PYTHON_THREADPOOL_THREAD_COUNT"
"""App setting: how many plain functions run at a time."""
KINDS: dict[DurableKind, Kind] = {
    "orchestrator": Kind.ORCHESTRATION,
    "activity": Kind.ACTIVITY,
    "entity": Kind.ENTITY,
}


class AppInvoker:
    """Runs functions in this process; implements ``host.invocation.Invoker``."""

    in_process = True

    def __init__(self, app: AppIndex, telemetry: Telemetry | None = None) -> None:
        self.app = app
        self.telemetry = telemetry or Telemetry()
        self.client = ""
        """Binding JSON for durable client parameters; set once the host listens."""
        self.sends: list[Send] = []
        """Each takes, of what functions put into their output bindings, what it serves."""
        self._timeout = app.host_json.timeout
        self._executor = Executor()

    async def open(self) -> None:
        """Make ready to run functions."""

    def known(self, kind: DurableKind) -> Mapping[str, str]:
        """Declared names by lower-cased name and alias."""
        return self.app.known(KINDS[kind])

    async def invoke(self, invocation: Invocation) -> str:
        """Run an orchestrator turn, an activity or an entity batch."""
        function = self.app.durable(KINDS[invocation.kind], invocation.name)
        assert function is not None, f"the engine asked for the unknown {invocation.kind} {invocation.name}"
        with self.telemetry.durable_span(invocation) as traceparent:
            call = Call(
                function=function.name,
                body=invocation.body,
                invocation_id=invocation.invocation_id,
                client=self.client if function.client_params else "",
                traceparent=traceparent,
                instance_id=invocation.instance_id,
                run=invocation.run,
            )
            answer = await self.run(function, call)
        assert isinstance(answer, str)
        return answer

    async def run(self, function: Function, call: Call) -> Answer:
        """Run any function.

        Raises:
            FunctionFailed: The function raised, or was ended at ``functionTimeout``, or its output was not taken.
        """
        outcome = await self._call(function, call)
        if outcome.outputs:
            for send in self.sends:
                await send(function, outcome.outputs)
        return outcome.answer

    async def _call(self, function: Function, call: Call) -> Outcome:
        job = asyncio.ensure_future(self._executor.submit(function, call))
        limit = self._timeout.total_seconds() if self._timeout else None
        done, _ = await asyncio.wait({job}, timeout=limit)
        if done:
            return job.result()
        if function.is_async:
            job.cancel()
            raise timed_out(function.name, self._timeout)
        log.error("%s runs longer than functionTimeout; only --isolate can end it", function.name)
        return await job

    async def close(self) -> None:
        """Wait for running functions and end the threads."""
        await self._executor.close()


def timed_out(function: str, limit: timedelta | None) -> FunctionFailed:
    """What a caller is told of a function that was ended at ``functionTimeout``."""
    return FunctionFailed(TIMED_OUT, f"Timeout value of {limit} was exceeded by function: {function}")


class Executor:
    """The threads and the loop that functions run on."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_thread_count(), "function")
        self._turns = ThreadPoolExecutor(max(2, os.cpu_count() or 1), "turn")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="functions", daemon=True)
        self._thread.start()

    def submit(self, function: Function, call: Call) -> Awaitable[Outcome]:
        """Start a function; awaited on the caller's loop."""
        if function.is_async:
            return asyncio.wrap_future(self.start(run_async(function, call)))
        pool = self._turns if function.kind in (Kind.ORCHESTRATION, Kind.ENTITY) else self._pool
        return asyncio.get_running_loop().run_in_executor(pool, run_sync, function, call)

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the functions' loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def close(self) -> None:
        """Let running functions end, then end threads and loop."""
        await asyncio.to_thread(self._pool.shutdown)
        await asyncio.to_thread(self._turns.shutdown)
        await asyncio.wrap_future(self.start(_release()))
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()


def _thread_count() -> int | None:
    text = os.environ.get(THREADS, "")
    if text and not (text.isdecimal() and int(text) > 0):
        raise StartupError(f"{THREADS} must be a number from 1 on.")
    return int(text) if text else None


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
