"""Invoke the functions of one app in this process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from host.app import AppIndex
from host.call import Answer, Call, Outcome, Outputs
from host.executor import Executor
from host.functions import Function, Kind
from host.invocation import TIMED_OUT, FunctionFailed, Invocation
from host.invocation import Kind as DurableKind
from host.telemetry import Telemetry

log = logging.getLogger("host.invoker")

Send = Callable[[Function, Outputs], Awaitable[None]]

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
