"""The virtual clock: order, instants, settling."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from host.clock import SystemClock, VirtualClock

START = datetime(2026, 3, 8, 6, 0, tzinfo=UTC)


async def test_sleepers_wake_in_order_each_at_its_own_instant() -> None:
    clock = VirtualClock(START)
    woken: list[tuple[int, datetime]] = []

    async def sleep(hours: int) -> None:
        await clock.sleep_until(START + timedelta(hours=hours))
        woken.append((hours, clock.now()))

    tasks = [asyncio.create_task(sleep(hours)) for hours in (3, 1, 2, 9)]
    await clock.advance(hours=5)
    assert woken == [(hours, START + timedelta(hours=hours)) for hours in (1, 2, 3)]
    assert clock.now() == START + timedelta(hours=5)
    tasks[-1].cancel()


async def test_a_sleeper_that_sleeps_again_wakes_within_the_same_advance() -> None:
    clock = VirtualClock(START)
    ticks = []

    async def tick() -> None:
        for _ in range(10):
            await clock.sleep_until(clock.now() + timedelta(minutes=30))
            ticks.append(clock.now())

    task = asyncio.create_task(tick())
    await clock.advance(timedelta(hours=2))
    assert len(ticks) == 4
    task.cancel()


async def _works_at(clock: VirtualClock, spans: Sequence[timedelta], seen: list[datetime]) -> None:
    """Works for a moment at each of some times; the clock waits for that."""
    idle = asyncio.Event()
    idle.set()

    async def settled() -> None:
        await idle.wait()

    clock.settle_with(settled)
    for span in spans:
        await clock.sleep_until(START + span)
        idle.clear()
        await asyncio.sleep(0.05)
        seen.append(clock.now())
        idle.set()


async def test_time_stands_still_until_what_was_woken_is_done() -> None:
    clock, seen = VirtualClock(START), list[datetime]()
    task = asyncio.create_task(_works_at(clock, [timedelta(hours=1)], seen))
    await asyncio.sleep(0)
    await clock.advance(days=1)
    assert seen == [START + timedelta(hours=1)]
    await task


async def test_one_advance_comes_after_another() -> None:
    clock, seen = VirtualClock(START), list[datetime]()
    task = asyncio.create_task(_works_at(clock, [timedelta(days=1), timedelta(days=2)], seen))
    await asyncio.sleep(0)
    await asyncio.gather(clock.advance(days=1), clock.advance(days=1))
    assert seen == [START + timedelta(days=1), START + timedelta(days=2)]
    assert clock.now() == START + timedelta(days=2)
    await task


async def test_time_ends_with_the_calendar() -> None:
    clock = VirtualClock(START)
    with pytest.raises(ValueError, match="year 9999"):
        await clock.advance(days=3_000_000)
    assert clock.now() == START


async def test_the_past_is_now() -> None:
    clock = VirtualClock(START)
    await asyncio.wait_for(clock.sleep_until(START - timedelta(days=1)), 1)


async def test_the_system_clock_is_aware_and_sleeps() -> None:
    clock = SystemClock()
    until = clock.now() + timedelta(milliseconds=20)
    await clock.sleep_until(until)
    assert clock.now() >= until
    assert clock.now().tzinfo is UTC
