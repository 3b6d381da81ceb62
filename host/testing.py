"""A Durable Functions host in the test's own process: virtual clock, memory store, failures on demand.

async with durable_host(app) as host:
    instance = await host.hub.start("approval")
    await host.advance(days=7)
    assert (await host.settled(instance)).status is Status.COMPLETED

``host.pytest_plugin`` has the same as fixtures.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import azure.functions as func

from host import sdk
from host.clock import Clock, VirtualClock
from host.faults import FaultyInvoker
from host.hub import TaskHub
from host.invocation import Invoker
from host.model import InstanceStatus
from host.options import Compat, HubOptions
from host.recording import export
from host.store import Store
from host.store.memory import MemoryStore
from host.testing_functions import FunctionsInvoker

__all__ = ["DurableHost", "FunctionsInvoker", "durable_host"]


class DurableHost:
    """What a test holds."""

    def __init__(self, hub: TaskHub, invoker: FaultyInvoker, clock: Clock) -> None:
        self.hub = hub
        self.invoker = invoker
        self.clock = clock

    async def advance(self, by: timedelta | None = None, **units: float) -> None:
        """Move the virtual clock, doing all that falls due on the way."""
        assert isinstance(self.clock, VirtualClock), "only a VirtualClock can be advanced"
        await self.clock.advance(by, **units)

    def fail(
        self,
        name: str,
        times: int = 1,
        error: Exception | type[Exception] | None = None,
        *,
        attempt: int | None = None,
        instance: str | None = None,
    ) -> None:
        """Have the next ``times`` calls of a function raise ``error``, of which a class will do.

        ``attempt``: only calls that are that attempt at an activity: 1 is the first, the retry options make the others
        (a timer of the code's own and the same call after it count too). ``instance``: only calls for that instance.
        A ConnectionError stands for a worker that died: the engine runs the function again, as the same attempt.
        ValueError: ``attempt`` is below 1, or ``name`` is no activity.
        """
        raised = error() if isinstance(error, type) else error or RuntimeError("injected")
        self.invoker.fail(name, times, raised, attempt, instance)

    async def settled(self, instance_id: str) -> InstanceStatus:
        """Status of an instance when nothing more happens by itself."""
        await self.hub.idle()
        status = await self.hub.status(instance_id)
        assert status is not None, f"no instance {instance_id}"
        return status

    async def run(self, name: str, data: object = None, instance_id: str | None = None) -> InstanceStatus:
        """Start an orchestration with JSON input and return its status when it settles."""
        started = await self.hub.start(name, None if data is None else json.dumps(data), instance_id)
        return await self.settled(started)

    async def record(self, instance_id: str) -> dict[str, Any]:
        """The history so far, as a recording (``host.recording``)."""
        status = await self.settled(instance_id)
        history, options = await self.hub.history(instance_id), self.hub.options
        return export(history, status, options.compat, timer_spans=options.send_timer_spans)

    async def raise_event(self, instance_id: str, name: str, data: object = None) -> InstanceStatus:
        """Raise an event with JSON data and return the instance's status when it settles."""
        await self.hub.raise_event(instance_id, name, json.dumps(data))
        return await self.settled(instance_id)


@asynccontextmanager
async def durable_host(
    app: Invoker | func.FunctionRegister,
    *,
    clock: Clock | None = None,
    store: Store | None = None,
    compat: Compat = "azure",
    options: HubOptions | None = None,
) -> AsyncIterator[DurableHost]:
    """Run an app, or an invoker of plain functions, until the block ends."""
    # The SDK warns of every event that comes before its wait (the engine says it with the instance's name) and advises
    # once to give types. Where a test run makes errors of warnings, these would break the function under test.
    warnings.filterwarnings("ignore", message="Potential duplicate Task completion")
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"azure\.")
    sdk.read_instants_fast()
    inner = FunctionsInvoker.of_app(app) if isinstance(app, func.FunctionRegister) else app
    store = MemoryStore() if store is None else store
    invoker = FaultyInvoker(inner, store)
    clock = VirtualClock() if clock is None else clock
    hub = TaskHub(store, invoker, clock, options or HubOptions(compat=compat))
    if isinstance(clock, VirtualClock):
        clock.settle_with(hub.idle)
    running = await _open(hub)
    try:
        yield DurableHost(hub, invoker, clock)
    finally:
        await hub.stop()
        await running


async def _open(hub: TaskHub) -> asyncio.Task[None]:
    """Have the hub run. Raises what kept its store from opening."""
    running, ready = asyncio.create_task(hub.run()), asyncio.create_task(hub.ready.wait())
    await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
    if not ready.done():
        ready.cancel()
        await running
    return running
