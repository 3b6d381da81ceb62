"""The alarm rings for what is due, and keeps nothing that nobody waits for."""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from typing import Any

from azure.durable_functions import DurableOrchestrationContext

from host.alarm import Alarm
from host.clock import VirtualClock
from host.testing import FunctionsInvoker, durable_host


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


async def test_what_an_alarm_has_forgotten_does_not_ring_and_is_kept_no_longer_than_a_few_others() -> None:
    clock = VirtualClock()
    rung: list[str] = []
    alarm: Alarm[str] = Alarm(clock, rung.append)
    for number in range(1000):
        alarm.set(clock.now() + timedelta(hours=1 + number), f"{number}")
        alarm.set(clock.now() + timedelta(hours=1 + number), f"{number}")
    for number in range(999):
        alarm.forget(f"{number}")
    assert len(alarm._heap) + len(alarm._counts) + len(alarm._forgotten) < 10
    alarm.set(clock.now() + timedelta(hours=3), "0")  # again, after it was forgotten
    await clock.advance(hours=2000)
    assert rung == ["0", "999", "999"]
    await alarm.stop()


async def test_the_engine_keeps_no_timer_of_an_instance_that_has_ended() -> None:
    def waits(context: DurableOrchestrationContext) -> Generator[Any, Any, Any]:
        deadline = context.create_timer(context.current_utc_datetime + timedelta(days=30))
        yield context.task_any([context.wait_for_external_event("go"), deadline])

    async with durable_host(FunctionsInvoker({"waits": waits}, {}, {})) as host:
        begun = [await host.run("waits") for _ in range(20)]
        alarm = host.hub._engine._alarm
        assert len(alarm._heap) == 20
        for each in begun:
            await host.hub.terminate(each.instance_id, "done")
            await host.settled(each.instance_id)
        assert alarm._heap == []
