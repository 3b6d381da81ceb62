"""What a restart runs again is no more than ran at a time: activities wait for turns that lag behind."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import pytest

from host.model import EventKind, Status
from host.options import Compat, HubOptions
from host.store import Store
from host.store.base import Turn
from host.store.memory import MemoryStore
from host.testing import FunctionsInvoker, durable_host

Flow = Generator[Any, Any, Any]
MANY, FEW = 10, 3


class Slow(MemoryStore):
    """Writes what activities gave only when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()
        self.asked = asyncio.Event()

    async def commit(self, *turns: Turn) -> frozenset[str]:
        if any(event.kind is EventKind.TASK_COMPLETED for turn in turns for event in turn.append):
            self.asked.set()
            await self.may.wait()
        return await super().commit(*turns)


def single(context: df.DurableOrchestrationContext) -> Flow:
    yield context.call_activity("work")


def fan(context: df.DurableOrchestrationContext) -> Flow:
    yield context.task_all([context.call_activity("work") for _ in range(MANY)])


@pytest.mark.parametrize(("flow", "instances", "run"), [("single", MANY, FEW), ("fan", 1, MANY)])
async def test_while_nothing_is_written(flow: str, instances: int, run: int) -> None:
    done: list[str] = []
    enough = asyncio.Event()

    async def work(_: object) -> None:
        done.append("once")
        if len(done) == run:
            enough.set()

    store = Slow()
    functions = FunctionsInvoker({"single": single, "fan": fan}, {"work": work})
    async with durable_host(functions, store=store, options=HubOptions(max_activities=FEW)) as host:
        started = [await host.hub.start(flow) for _ in range(instances)]
        await enough.wait()
        await store.asked.wait()
        for _ in range(50):
            await asyncio.sleep(0)
        before = len(done)
        store.may.set()
        for instance in started:
            assert (await host.settled(instance)).status.ended
    assert (before, len(done)) == (run, MANY)


async def test_what_has_ended_while_its_instance_is_suspended(store: Store, compat: Compat) -> None:
    begun, may = asyncio.Event(), asyncio.Event()
    runs: list[str] = []

    async def work(_: object) -> str:
        runs.append("work")
        begun.set()
        await may.wait()
        return "done"

    functions = FunctionsInvoker({"single": single}, {"work": work})
    async with durable_host(functions, store=store, compat=compat) as first:
        await first.hub.start("single", instance_id="i")
        await begun.wait()
        await first.hub.suspend("i")
        may.set()
        assert (await first.settled("i")).status is Status.SUSPENDED
    async with durable_host(functions, store=store, compat=compat) as second:
        await second.hub.idle()
        await second.hub.resume("i")
        assert (await second.settled("i")).status is Status.COMPLETED
    assert runs == ["work"]


async def test_what_has_ended_while_its_instance_may_not_run_here(store: Store, compat: Compat) -> None:
    functions = FunctionsInvoker({"single": single}, {"work": lambda _: "done"})
    runs: list[int] = []
    for version in ("2", "1", "1", "2"):
        options = HubOptions(compat=compat, default_version=version)
        async with durable_host(functions, store=store, options=options) as host:
            if not runs:
                host.fail("work", error=ConnectionError())
                await host.hub.start("single", instance_id="i")
            status = (await host.settled("i")).status
            runs.append(sum(call.kind == "activity" for call in host.invoker.calls))
    assert status is Status.COMPLETED
    assert runs == [1, 1, 0, 0]
