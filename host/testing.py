"""A Durable Functions host in the test's own process: virtual clock, memory store, failures on demand.

async with durable_host(app) as host:
    instance = await host.hub.start("approval")
    await host.advance(days=7)
    assert (await host.settled(instance)).status is Status.COMPLETED

``host.pytest_plugin`` has the same as fixtures.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import traceback
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

import azure.durable_functions as df
import azure.functions as func
from azure.functions import durable_functions as converters
from azure.functions import meta

from host.clock import Clock, VirtualClock
from host.faults import FaultyInvoker
from host.hub import TaskHub
from host.invocation import FunctionFailed, Invocation, Invoker, Kind
from host.model import InstanceStatus
from host.options import Compat, HubOptions
from host.recording import export
from host.runner import ended_by_host, text_of
from host.store import Store
from host.store.memory import MemoryStore
from host.telemetry import Telemetry

Function = Callable[..., Any]
_TRIGGERS: dict[str, tuple[Kind, str]] = {
    "orchestrationTrigger": ("orchestrator", "orchestration"),
    "activityTrigger": ("activity", "activity"),
    "entityTrigger": ("entity", "entity_name"),
}


class FunctionsInvoker:
    """Runs plain functions through the SDK: generator functions as orchestrators, functions of one argument else."""

    in_process = True
    telemetry = Telemetry()

    def __init__(
        self,
        orchestrators: Mapping[str, Function] | None = None,
        activities: Mapping[str, Function] | None = None,
        entities: Mapping[str, Function] | None = None,
    ) -> None:
        self._functions: dict[Kind, dict[str, Function]] = {
            "orchestrator": {name: df.Orchestrator.create(code) for name, code in (orchestrators or {}).items()},
            "activity": dict(activities or {}),
            "entity": {name: df.Entity.create(code) for name, code in (entities or {}).items()},
        }
        self._index()

    @classmethod
    def of_app(cls, app: func.FunctionRegister) -> FunctionsInvoker:
        """The durable functions of a v2 app. They can be listed once: an app object keeps the invoker that it got."""
        if (known := _OF_APPS.get(app)) is not None:
            return known
        invoker = cls()
        for function in app.get_functions():
            trigger = function.get_trigger()
            if trigger.type in _TRIGGERS:
                kind, attribute = _TRIGGERS[trigger.type]
                name = getattr(trigger, attribute, None) or function.get_function_name()
                invoker._functions[kind][name] = function.get_user_function()
        invoker._index()
        _OF_APPS[app] = invoker
        return invoker

    def _index(self) -> None:
        self._known = {kind: {name.lower(): name for name in functions} for kind, functions in self._functions.items()}

    def known(self, kind: Kind) -> Mapping[str, str]:
        return self._known[kind]

    async def invoke(self, invocation: Invocation) -> str:
        function = self._functions[invocation.kind][invocation.name]
        try:
            if invocation.run is not None:
                await asyncio.to_thread(invocation.run, function)
                return "null"
            if invocation.kind != "activity":
                return str(await asyncio.to_thread(function, invocation.body))
            argument = converters.ActivityTriggerConverter.decode(
                meta.Datum(invocation.body, "json"), trigger_metadata=None
            )
            if inspect.iscoroutinefunction(function):
                result = await function(argument)
            else:
                result = await asyncio.to_thread(function, argument)
            return str(converters.ActivityTriggerConverter.encode(result, expected_type=None).value)
        except BaseException as error:
            if ended_by_host(error):
                raise
            cause = error.__cause__ if invocation.kind == "orchestrator" and error.__cause__ else error
            raise FunctionFailed(type(cause).__name__, text_of(error), _frames(cause)) from error


_OF_APPS: WeakKeyDictionary[func.FunctionRegister, FunctionsInvoker] = WeakKeyDictionary()


def _frames(error: BaseException) -> tuple[str, ...]:
    return tuple(f"{frame.filename}:{frame.lineno}:{frame.name}" for frame in traceback.extract_tb(error.__traceback__))


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
        error: Exception | None = None,
        *,
        attempt: int | None = None,
        instance: str | None = None,
    ) -> None:
        """Have the next ``times`` calls of a function raise ``error``.

        ``attempt``: only calls that are that attempt at an activity: 1 is the first, the retry options make the others
        (a timer of the code's own and the same call after it count too). ``instance``: only calls for that instance.
        A ConnectionError stands for a worker that died: the engine runs the function again, as the same attempt.
        ValueError: ``attempt`` is below 1, or ``name`` is no activity.
        """
        self.invoker.fail(name, times, error or RuntimeError("injected"), attempt, instance)

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
    inner = FunctionsInvoker.of_app(app) if isinstance(app, func.FunctionRegister) else app
    store = MemoryStore() if store is None else store
    invoker = FaultyInvoker(inner, store)
    clock = VirtualClock() if clock is None else clock
    hub = TaskHub(store, invoker, clock, options or HubOptions(compat=compat))
    if isinstance(clock, VirtualClock):
        clock.settle_with(hub.idle)
    running = asyncio.create_task(hub.run())
    await hub.ready.wait()
    try:
        yield DurableHost(hub, invoker, clock)
    finally:
        await hub.stop()
        await running
