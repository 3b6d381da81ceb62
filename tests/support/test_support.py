"""The tests' own instruments see what they are there to see."""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from typing import Any

from azure.durable_functions import DurableOrchestrationContext

from host.model import Status
from host.options import Compat
from host.testing import FunctionsInvoker, durable_host
from tests.support.canaries import Canaries
from tests.support.fixtures import compat
from tests.support.races import watched_races
from tests.support.samples import request

__all__ = ["compat"]


def careless(context: DurableOrchestrationContext) -> Generator[Any, Any, str]:
    """Races one event against two timers: the second race would never be scheduled on Azure."""
    approved = context.wait_for_external_event("approved")
    for hours in (1, 2):
        timer = context.create_timer(context.current_utc_datetime + timedelta(hours=hours))
        winner = yield context.task_any([approved, timer])
        if winner is approved:
            return "approved"
    return "late"


async def test_a_task_in_two_races_fails_its_orchestrator(compat: Compat) -> None:
    with watched_races() as races:
        async with durable_host(FunctionsInvoker(orchestrators={"careless": careless}), compat=compat) as host:
            started = await host.run("careless")
            assert started.status is Status.RUNNING
            await host.advance(hours=1)
            ended = await host.settled(started.instance_id)
    assert ended.status is Status.FAILED
    assert "enters a later task_any" in (ended.output or "")
    assert races


def test_canaries_are_everywhere_and_found() -> None:
    canaries = Canaries()
    text = str(canaries.request(request("approved-at-once"), canaries.one()))
    found = canaries.found_in(text)
    assert len(found) > 90
    for telling in ("Lakeside", "Ash-Sample", "M1000001", "1956-03-14", "sleep-study", "approved-at-once"):
        assert telling not in text
    assert canaries.found_in(text.encode()) == found
