"""Code that ends in a way of which the SDK makes no answer: nothing hangs, and what was raised is told."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

import azure.durable_functions as df
import pytest

from host.model import Status
from host.options import Compat
from host.testing import DurableHost, FunctionsInvoker, durable_host

pytestmark = pytest.mark.usefixtures("sessions")

Flow = Generator[Any, Any, Any]


class Abrupt(BaseException):
    """No ``Exception``."""


def yields_no_task(context: df.DurableOrchestrationContext) -> Flow:
    if not context.get_input():
        yield context.call_activity("hello")
    yield [context.call_activity("hello")]


def status_is_no_json(context: df.DurableOrchestrationContext) -> Flow:
    if not context.get_input():
        yield context.call_activity("hello")
    context.set_custom_status({1})
    yield context.call_activity("hello")


def exits(context: df.DurableOrchestrationContext) -> Flow:
    if not context.get_input():
        yield context.call_activity("hello")
    sys.exit(7)


def cancelled(context: df.DurableOrchestrationContext) -> Flow:
    if not context.get_input():
        yield context.call_activity("hello")
    raise asyncio.CancelledError


def abrupt(context: df.DurableOrchestrationContext) -> Flow:
    if not context.get_input():
        yield context.call_activity("hello")
    raise Abrupt


FLOWS = {
    yields_no_task: "AttributeError",
    status_is_no_json: "TypeError",
    exits: "SystemExit",
    cancelled: "CancelledError",
    abrupt: "Abrupt",
}


def calls(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_activity(context.get_input())


def asks(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_entity(df.EntityId("counter", "k"), context.get_input())


def counter(context: df.DurableEntityContext) -> None:
    if context.operation_name == "leave":
        raise asyncio.CancelledError
    context.set_state(context.get_state(lambda: 0) + 1)


def leaves(_: object) -> None:
    raise Abrupt


async def leaves_async(_: object) -> None:
    raise asyncio.CancelledError


@pytest.fixture
async def host(compat: Compat) -> AsyncIterator[DurableHost]:
    activities = {"hello": lambda _: "hello", "leaves": leaves, "leaves_async": leaves_async}
    flows = {code.__name__: code for code in (*FLOWS, calls, asks)}
    async with durable_host(FunctionsInvoker(flows, activities, {"counter": counter}), compat=compat) as host:
        yield host


@pytest.mark.parametrize(("code", "error"), FLOWS.items(), ids=lambda each: getattr(each, "__name__", each))
@pytest.mark.parametrize("at_once", [True, False])
async def test_an_orchestrator(
    host: DurableHost,
    compat: Compat,
    code: Callable[..., Any],
    error: str,
    at_once: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended = await host.run(code.__name__, at_once)
    assert ended.status is Status.FAILED
    assert ended.failure is not None
    assert ended.failure.type == error
    hidden = compat == "azure" and not at_once
    assert ("Non-Deterministic workflow detected" in (ended.output or "")) is hidden
    told = f"no-state: instance {ended.instance_id} fails as non-deterministic, as on Azure"
    assert (told in caplog.text) is hidden
    assert (f": {error} at " in caplog.text) is hidden


@pytest.mark.parametrize("name", ["leaves", "leaves_async"])
async def test_an_activity(host: DurableHost, name: str) -> None:
    ended = await host.run("calls", name)
    assert ended.status is Status.FAILED
    assert f"Activity function '{name}' failed" in (ended.output or "")


async def test_an_entity(host: DurableHost) -> None:
    assert (await host.run("asks", "leave")).status is Status.FAILED
    assert (await host.run("asks", "add")).status is Status.COMPLETED
