"""Invoke the functions of one app in this process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from host.app import AppIndex
from host.call import Answer, Call, Outcome, Outputs
from host.errors import HubError
from host.executor import Executor
from host.functions import Function, Kind
from host.invocation import TIMED_OUT, FunctionFailed, Invocation
from host.invocation import Kind as DurableKind
from host.places import PATIENCE, TURNS, Place, Places
from host.telemetry import Telemetry

log = logging.getLogger("host.invoker")

Send = Callable[[Function, Outputs], Awaitable[None]]

_GIVEN_UP = (
    "%s ran longer than functionTimeout (%s) and is given up. Its thread goes on until it ends by itself: only "
    "--isolate can end it. %d such threads by now"
)
KINDS: dict[DurableKind, Kind] = {
    "orchestrator": Kind.ORCHESTRATION,
    "activity": Kind.ACTIVITY,
    "entity": Kind.ENTITY,
}


class Hangs(HubError):
    """A turn holds a thread of this process and does not come back."""

    def __init__(self, function: str) -> None:
        super().__init__(
            f"{function} ran longer than functionTimeout and still holds a thread; only --isolate can end it"
        )


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
        self._places = Places()

    @property
    def hanging(self) -> tuple[str, ...]:
        """Functions that ran longer than ``functionTimeout`` and hold threads; turns with their instances."""
        return self._executor.hanging

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
                tracestate=invocation.tracestate,
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
        """Run any function; Hangs says of a turn that it was given up, or that an earlier one of its instance was."""
        turn = function.kind in TURNS
        label = f"{function.name} ({call.instance_id})" if turn else function.name
        if turn and label in self._executor.hanging:
            raise Hangs(function.name)
        place = await self._places.take(function)
        job = self._executor.submit(function, call)
        place.leave_with(job)
        if await self._in_time(function, job, place):
            return job.result()
        if (hangs := await self._executor.give_up(function, job, label)) is not None:
            log.error(_GIVEN_UP, hangs, self._timeout, len(self.hanging))
        raise Hangs(function.name) if turn else timed_out(function.name, self._timeout)

    async def _in_time(self, function: Function, job: asyncio.Future[Outcome], place: Place) -> bool:
        """Whether a call ended within ``functionTimeout``."""
        limit = self._timeout.total_seconds() if self._timeout else None
        if function.kind in TURNS:
            await asyncio.wait({job}, timeout=PATIENCE if limit is None else min(PATIENCE, limit))
            if job.done():
                return True
            place.leave()
            limit = None if limit is None else max(0.0, limit - PATIENCE)
        await asyncio.wait({job}, timeout=limit)
        return job.done()

    async def close(self) -> None:
        """Wait for running functions and end the threads."""
        await self._executor.close()


def timed_out(function: str, limit: timedelta | None) -> FunctionFailed:
    """What a caller is told of a function that was ended at ``functionTimeout``."""
    return FunctionFailed(TIMED_OUT, f"Timeout value of {limit} was exceeded by function: {function}")
