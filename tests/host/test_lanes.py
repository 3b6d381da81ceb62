"""Lanes and alarms."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from host.clock import VirtualClock
from host.lanes import Alarm, Lane, Work


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


async def test_an_alarm_rings_in_time_also_for_one_set_earlier_later() -> None:
    clock = VirtualClock()
    rung: list[tuple[str, timedelta]] = []
    begun = clock.now()
    alarm: Alarm[str] = Alarm(clock, lambda key: rung.append((key, clock.now() - begun)))
    alarm.set(begun + timedelta(hours=2), "late")
    alarm.set(begun + timedelta(hours=1), "early")
    alarm.set(begun + timedelta(hours=2), "late too")
    await clock.advance(hours=3)
    assert rung == [("early", timedelta(hours=1)), ("late", timedelta(hours=2)), ("late too", timedelta(hours=2))]
    alarm.set(clock.now() + timedelta(hours=1), "never")
    await alarm.stop()
    alarm.set(clock.now() + timedelta(hours=1), "never")
    await clock.advance(hours=3)
    assert len(rung) == 3
