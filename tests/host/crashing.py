"""A host that a test kills: ``python crashing.py DATA COUNT``. Prints what it has started.

Its activities append to ``DATA/effects`` who ran, so that the test can count.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df

from host.clock import SystemClock
from host.model import InstanceQuery
from host.store.sqlite import SqliteStore
from host.testing import DurableHost, FunctionsInvoker, durable_host

DATA = Path(sys.argv[1])
CHECKS = 4
"""Activities of a fan-out."""


def case(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    me = context.instance_id
    yield context.call_activity("effect", f"{me}:intake")
    yield context.create_timer(context.current_utc_datetime + timedelta(milliseconds=20))
    context.signal_entity(df.EntityId("counter", "cases"), "add", 1)
    yield context.task_all([context.call_activity("effect", f"{me}:check{n}") for n in range(CHECKS)])
    count = yield context.call_entity(df.EntityId("counter", me), "add", 1)
    child = yield context.call_sub_orchestrator("child", me, f"{me}-child")
    yield context.call_activity("effect", f"{me}:decide")
    return [count, child]


def child(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    return (yield context.call_activity("effect", f"{context.get_input()}:child"))


def effect(what: str) -> str:
    with (DATA / "effects").open("a") as file:
        file.write(f"{what}\n")
    return what


def counter(context: df.DurableEntityContext) -> None:
    context.set_state(context.get_state(lambda: 0) + context.get_input())
    context.set_result(context.get_state())


async def main(count: int) -> None:
    invoker = FunctionsInvoker({"case": case, "child": child}, {"effect": effect}, {"counter": counter})
    async with durable_host(invoker, clock=SystemClock(), store=SqliteStore(DATA / "hub.db")) as host:
        acknowledged = {instance.instance_id for instance in (await host.hub.query(InstanceQuery())).items}
        ids = [f"case-{number}" for number in range(count)]
        # All at once, so that their starts share transactions.
        await asyncio.gather(*(_begin(host, each) for each in ids if each not in acknowledged))
        for each in ids:
            await host.hub.wait(each, 60)


async def _begin(host: DurableHost, instance_id: str) -> None:
    await host.hub.start("case", instance_id=instance_id)
    os.write(1, f"{instance_id}\n".encode())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[2])))
