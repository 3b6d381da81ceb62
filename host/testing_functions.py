"""The functions of a test: plain ones, or those of an app, without the host's limits and timeouts."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import azure.durable_functions as df
import azure.functions as func
from azure.functions import durable_functions as converters
from azure.functions import meta

from host.call import Call
from host.errors import HubError
from host.functions import BindingError, describe
from host.functions import Function as Described
from host.invocation import FunctionFailed, Invocation, Kind
from host.runner import failures, run_async, run_sync
from host.telemetry import Telemetry
from host.threads import Threads

log = logging.getLogger("host.testing_functions")

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds that a turn may compute."""
_THREADS = Threads[str]("test")
"""Python waits for none of them at its end."""

Function = Callable[..., Any]
_TRIGGERS: dict[str, Kind] = {
    "orchestrationTrigger": "orchestrator",
    "activityTrigger": "activity",
    "entityTrigger": "entity",
}


class FunctionsInvoker:
    """Runs plain functions through the SDK: generator functions as orchestrators, functions of one argument else.

    Those of an app have its names, and their parameters are bound as in the host.
    """

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
        self._known = {kind: {name.lower(): name for name in names} for kind, names in self._functions.items()}
        self._described: dict[str, Described] = {}
        """Activities of an app."""

    @classmethod
    def of_app(cls, app: func.FunctionRegister) -> FunctionsInvoker:
        """The durable functions of a v2 app. They can be listed once: an app object keeps the invoker that it got."""
        if (known := _OF_APPS.get(app)) is not None:
            return known
        invoker = cls()
        for function in app.get_functions():
            if (kind := _TRIGGERS.get(function.get_trigger().type)) is not None:
                invoker._add(kind, function)
        _OF_APPS[app] = invoker
        return invoker

    def _add(self, kind: Kind, function: Any) -> None:
        try:
            described = describe(function)
        except BindingError as error:
            log.error("%s is not served, nor is it by the host: %s", function.get_function_name(), error)
            return
        name = described.durable_name
        self._functions[kind][name] = described.call
        if kind == "activity":
            self._described[name] = described
        # An alias never hides a proper name.
        self._known[kind] = dict.fromkeys(map(str.lower, described.aliases), name) | self._known[kind]
        self._known[kind][name.lower()] = name

    def known(self, kind: Kind) -> Mapping[str, str]:
        return self._known[kind]

    async def invoke(self, invocation: Invocation) -> str:
        if invocation.kind == "activity" and (described := self._described.get(invocation.name)) is not None:
            return await _run_described(described, invocation)
        function = self._functions[invocation.kind][invocation.name]
        if inspect.iscoroutinefunction(function):
            with failures(of_orchestration=invocation.kind == "orchestrator"):
                return _encoded(await function(_decoded(invocation)))
        work = partial(_run, function, invocation)
        return await (_start(work) if invocation.kind == "activity" else _turn(work, invocation))


class Loops(HubError):
    """An orchestrator or entity does not come back from its turn."""

    def __init__(self, turn: str) -> None:
        super().__init__(f"{turn} computes for over {PATIENCE:g} s and holds a thread that only the end of Python ends")


def _start(work: Callable[[], T]) -> asyncio.Future[T]:
    return _THREADS.start(partial(copy_context().run, work))


async def _turn(work: Callable[[], str], invocation: Invocation) -> str:
    """Raises Loops, also where an earlier turn of the instance still computes."""
    turn, loop = f"{invocation.name} ({invocation.instance_id})", asyncio.get_running_loop()
    if any(label == turn and job.get_loop() is loop for job, label in _THREADS.hanging.items()):
        raise Loops(turn)
    job = _start(work)
    await asyncio.wait({job}, timeout=PATIENCE)
    if not job.done():
        _THREADS.give_up(job, turn)
        raise Loops(turn)
    return job.result()


async def _run_described(function: Described, invocation: Invocation) -> str:
    if function.client_params:
        raise FunctionFailed("LookupError", "the durable client needs a port: test this with host.testing_http")
    call = Call(
        function.name,
        invocation.body,
        invocation.invocation_id,
        traceparent=invocation.traceparent,
        tracestate=invocation.tracestate,
        instance_id=invocation.instance_id,
    )
    outcome = await (run_async(function, call) if function.is_async else _start(partial(run_sync, function, call)))
    return str(outcome.answer)


def _run(function: Function, invocation: Invocation) -> str:
    """In a thread, of which a future takes no StopIteration: what the function raises is caught here."""
    with failures(of_orchestration=invocation.kind == "orchestrator"):
        if invocation.run is not None:
            invocation.run(function)
            return "null"
        if invocation.kind != "activity":
            return str(function(invocation.body))
        return _encoded(function(_decoded(invocation)))


def _decoded(invocation: Invocation) -> Any:
    return converters.ActivityTriggerConverter.decode(meta.Datum(invocation.body, "json"), trigger_metadata=None)


def _encoded(result: Any) -> str:
    return str(converters.ActivityTriggerConverter.encode(result, expected_type=None).value)


_OF_APPS: WeakKeyDictionary[func.FunctionRegister, FunctionsInvoker] = WeakKeyDictionary()
