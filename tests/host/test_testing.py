"""The host for tests takes an app object too."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import pytest

from host.clock import SystemClock, VirtualClock
from host.model import Status
from host.testing import FunctionsInvoker, durable_host


def _app() -> df.DFApp:
    app = df.DFApp()

    @app.orchestration_trigger(context_name="context", orchestration="greeting")
    def greet(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
        return (yield context.call_activity("say", "you"))

    @app.activity_trigger(input_name="whom", activity="say")
    def say_hello(whom: str) -> str:
        return f"hello {whom}"

    @app.entity_trigger(context_name="context")
    def counter(context: df.DurableEntityContext) -> None:
        context.set_state(1)

    return app


async def test_the_functions_of_an_app_are_known_by_their_trigger_names() -> None:
    async with durable_host(_app()) as host:
        assert (await host.run("Greeting")).output == '"hello you"'
        assert set(host.invoker.known("activity")) == {"say"}
        assert set(host.invoker.known("entity")) == {"counter"}
        assert [call.kind for call in host.invoker.calls] == ["orchestrator", "activity", "orchestrator"]


async def test_a_failure_can_be_injected_for_a_while() -> None:
    async with durable_host(_app()) as host:
        host.fail("say", times=1)
        assert (await host.run("greeting")).status is Status.FAILED
        assert (await host.run("greeting")).status is Status.COMPLETED


async def test_time_begins_where_the_test_says() -> None:
    start = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    async with durable_host(_app(), clock=VirtualClock(start)) as host:
        assert (await host.run("greeting")).created == start


async def test_the_system_clock_cannot_be_advanced() -> None:
    async with durable_host(FunctionsInvoker(), clock=SystemClock()) as host:
        with pytest.raises(AssertionError, match="only a VirtualClock"):
            await host.advance(days=1)
