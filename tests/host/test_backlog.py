"""Activities wait for turns that lag behind: what a crash runs again is no more than runs at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import pytest

from host.model import EventKind
from host.options import HubOptions
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
