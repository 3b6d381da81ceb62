"""Lanes."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest
from azure.durable_functions import DurableOrchestrationContext

from host.lanes import FairQueue, Lane, Work
from host.options import HubOptions
from host.store.base import Turn
from host.store.memory import MemoryStore
from host.testing import FunctionsInvoker, durable_host


async def test_a_key_runs_by_itself_and_again_when_pushed_meanwhile() -> None:
    running: list[str] = []
    peak = 0
    runs: list[str] = []

    async def work(key: str) -> None:
        nonlocal peak
        assert key not in running
        running.append(key)
        peak = max(peak, len(running))
        await asyncio.sleep(0.01)
        running.remove(key)
        runs.append(key)

    load = Work()
    lane = Lane(work, 2, load)
    for key in "abcc":
        lane.push(key)
    await asyncio.sleep(0)
    lane.push("a")
    lane.push("a")
    await load.idle.wait()
    assert peak == 2
    assert sorted(runs) == ["a", "a", "b", "c"]


async def test_lanes_are_fair_between_keys() -> None:
    order: list[str] = []
    load = Work()

    async def work(key: str) -> None:
        order.append(key)
        if order.count(key) < 3:
            lane.push(key)

    lane = Lane(work, 1, load)
    for key in "ab":
        lane.push(key)
    await load.idle.wait()
    assert order == ["a", "b", "a", "b", "a", "b"]


def test_groups_take_turns_and_keys_of_a_group_keep_their_order() -> None:
    queue = FairQueue[str](lambda key: key[0])
    for key in ("a1", "a2", "a3", "b1", "c1", "c2"):
        queue.push(key)
    assert [queue.pop() for _ in range(3)] == ["a1", "b1", "c1"]
    queue.push("b2")
    assert [queue.pop() for _ in range(4)] == ["a2", "c2", "b2", "a3"]
    assert not queue
    with pytest.raises(IndexError):
        queue.pop()


def test_without_groups_first_come_is_first_served() -> None:
    queue = FairQueue[str]()
    for key in "cab":
        queue.push(key)
    assert [queue.pop() for _ in range(3)] == ["c", "a", "b"]


async def test_a_key_that_runs_and_waits_is_not_looked_at_again_and_again() -> None:
    """The work of a lane grows with its keys, not with keys times those that wait for their own end."""
    looks = 0

    class Key(str):
        def __hash__(self) -> int:
            nonlocal looks
            looks += 1
            return super().__hash__()

    end, passed = asyncio.Event(), asyncio.Event()

    async def work(key: Key) -> None:
        if key.startswith("held"):
            await end.wait()
        elif key == "999":
            passed.set()

    load = Work()
    lane = Lane(work, 101, load)
    held, passing = [Key(f"held {n}") for n in range(100)], [Key(n) for n in range(1000)]
    for key in held:
        lane.push(key)
    await asyncio.sleep(0)
    for key in (*held, *passing):
        lane.push(key)
    await passed.wait()
    end.set()
    await load.idle.wait()
    assert looks < 20 * (len(held) + len(passing))


class WatchedStore(MemoryStore):
    """Tells when two instances have scheduled activities."""

    def __init__(self) -> None:
        super().__init__()
        self.both = asyncio.Event()

    async def commit(self, *turns: Turn) -> frozenset[str]:
        refused = await super().commit(*turns)
        if len({key.instance for key in self._activities}) == 2:
            self.both.set()
        return refused


async def test_a_fan_out_does_not_hold_up_another_instance() -> None:
    order: list[str] = []
    gate = asyncio.Event()

    async def work(name: str) -> str:
        await gate.wait()
        order.append(name)
        return name

    def fan(context: DurableOrchestrationContext) -> Generator[Any, Any, None]:
        yield context.task_all([context.call_activity("work", "of many") for _ in range(50)])

    def single(context: DurableOrchestrationContext) -> Generator[Any, Any, None]:
        yield context.call_activity("work", "alone")

    invoker = FunctionsInvoker({"fan": fan, "single": single}, {"work": work})
    store = WatchedStore()
    async with durable_host(invoker, store=store, options=HubOptions(max_activities=1)) as host:
        for name in ("fan", "single"):
            await host.hub.start(name, instance_id=name)
        await store.both.wait()
        gate.set()
        await host.hub.idle()
    assert order.index("alone") <= 2
    assert len(order) == 51


@pytest.mark.parametrize(("finish", "expected"), [(True, ["a", "b"]), (False, ["a"])])
async def test_a_drained_lane_takes_nothing_more(finish: bool, expected: list[str]) -> None:
    runs: list[str] = []

    async def work(key: str) -> None:
        await asyncio.sleep(0.01)
        runs.append(key)

    load = Work()
    lane = Lane(work, 1, load)
    lane.push("a")
    lane.push("b")
    await asyncio.sleep(0)
    await lane.drain(finish=finish)
    lane.push("c")
    assert runs == expected
    assert load.idle.is_set()


async def test_work_that_raises_is_logged_and_does_not_stop_the_lane(caplog: pytest.LogCaptureFixture) -> None:
    async def work(key: str) -> None:
        raise ValueError(key)

    load = Work()
    lane = Lane(work, 1, load)
    lane.push("a")
    lane.push("b")
    await load.idle.wait()
    assert len(caplog.records) == 2
