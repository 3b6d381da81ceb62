"""The machine's clock is set back: timers fire once, none is lost, and no turn is dated before the one before it."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

from host.clock import SystemClock, VirtualClock
from host.model import Event, EventKind, Status
from host.store import Store
from host.store.memory import MemoryStore
from host.store.sqlite import SqliteStore
from host.testing import DurableHost, FunctionsInvoker, durable_host

BACK = timedelta(hours=1)
SOON = timedelta(milliseconds=100)
NINE = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class Wall:
    """The machine's clock: set back right after it was read for the ``reads``-th time at or after an instant."""

    def __init__(self, reads: int) -> None:
        self.instant = datetime.max.replace(tzinfo=UTC)
        self._reads = reads
        self._back = timedelta()

    def __call__(self) -> datetime:
        now = datetime.now(UTC) - self._back
        if now >= self.instant:
            self._reads -= 1
            if not self._reads:
                self._back = BACK
        return now


def waits(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield context.create_timer(context.current_utc_datetime + SOON)
    yield context.call_activity("same", 1)
    yield context.create_timer(context.current_utc_datetime + timedelta())
    return "done"


def asks(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield context.wait_for_external_event("go")
    yield context.create_timer(context.current_utc_datetime + timedelta(minutes=10))
    return "done"


INVOKER = FunctionsInvoker({"waits": waits, "asks": asks}, {"same": lambda value: value})


def test_the_clock_stands_still_until_it_has_caught_up(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = [NINE, NINE + SOON, NINE - BACK, NINE - SOON, NINE + 2 * SOON]
    monkeypatch.setattr("host.clock._wall", iter(readings).__next__)
    clock = SystemClock()
    assert [clock.now() for _ in readings[1:]] == [NINE + SOON, NINE + SOON, NINE + SOON, NINE + 2 * SOON]


@pytest.mark.parametrize("reads", range(1, 6))
async def test_a_timer_that_has_fallen_due_stays_due(monkeypatch: pytest.MonkeyPatch, reads: int) -> None:
    wall = Wall(reads)
    monkeypatch.setattr("host.clock._wall", wall)
    store = MemoryStore()
    async with durable_host(INVOKER, clock=SystemClock(), store=store) as host:
        wall.instant = datetime.now(UTC) + SOON
        await host.hub.start("waits", instance_id="one")
        assert await asyncio.wait_for(_ended(host, "one"), 20) is Status.COMPLETED
        _check(await store.history("one"), timers=2)


async def test_a_host_that_starts_on_an_earlier_clock_goes_on(tmp_path: Path) -> None:
    async with durable_host(INVOKER, clock=VirtualClock(NINE), store=_store(tmp_path)) as host:
        await host.hub.start("asks", instance_id="one")
        await host.advance(seconds=1)
    store = _store(tmp_path)
    async with durable_host(INVOKER, clock=VirtualClock(NINE - BACK), store=store) as host:
        await host.hub.raise_event("one", "go", "1")
        await host.advance(minutes=69)
        (task,) = (await host.hub.explainer.explain(await _status(host))).tasks
        assert task.due == NINE + timedelta(minutes=10), "ten minutes after the latest instant that the code has seen"
        await host.advance(minutes=1)
        assert (await _status(host)).status is Status.COMPLETED
        _check(await store.history("one"), timers=1)


def _store(folder: Path) -> Store:
    return SqliteStore(folder / "hub.db")


async def _status(host: DurableHost) -> Any:
    return await host.hub.status("one")


async def _ended(host: DurableHost, instance_id: str) -> Status:
    while True:
        status = await host.hub.status(instance_id)
        if status is not None and status.status.ended:
            return status.status
        await asyncio.sleep(0.01)


def _check(history: tuple[Event, ...], timers: int) -> None:
    assert [event.kind for event in history].count(EventKind.TIMER_FIRED) == timers
    turns = [event.at for event in history if event.kind is EventKind.TURN_STARTED]
    assert all(one <= other for one, other in pairwise(turns))
