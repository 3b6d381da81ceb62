"""The fixtures of the plugin, here by name; ``test_package`` finds them as whoever installs the host does."""

from __future__ import annotations

import json
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import azure.durable_functions as df
import pytest

from host.clock import VirtualClock
from host.errors import AlreadyFinished
from host.model import Status
from host.recording import replay

if TYPE_CHECKING:  # pytest loads the plugin, and wants to be the first to
    from host.pytest_plugin import Durable, DurableSync

pytest_plugins = ("host.pytest_plugin",)

Flow = Generator[Any, Any, Any]
app = df.DFApp()


def approval(context: df.DurableOrchestrationContext) -> Flow:
    limit = context.create_timer(context.current_utc_datetime + timedelta(days=7))
    decided = context.wait_for_external_event("decided")
    if (yield context.task_any([decided, limit])) == limit:
        return (yield context.call_activity("remind", "late"))
    limit.cancel()
    return decided.result


app.orchestration_trigger(context_name="context")(approval)


@app.activity_trigger(input_name="how")
def remind(how: str) -> str:
    return f"reminded {how}"


async def test_weeks_pass_at_once(durable: Durable) -> None:
    host = await durable(app)
    begun = await host.run("approval")
    await host.advance(days=7)
    assert (await host.settled(begun.instance_id)).output == '"reminded late"'


async def test_hosts_of_one_test_know_nothing_of_each_other(durable: Durable) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    one, other = await durable(app), await durable(app, clock=VirtualClock(start), compat="fixed")
    assert (await other.run("approval", instance_id="a")).created == start
    assert await one.hub.status("a") is None


def test_weeks_pass_without_a_loop(durable_sync: DurableSync) -> None:
    host = durable_sync(app)
    begun = host.run("approval", instance_id="late")
    assert begun.status is Status.RUNNING
    host.advance(days=6)
    assert host.settled("late").status is Status.RUNNING
    host.advance(timedelta(days=1))
    ended = host.settled("late")
    assert ended.output == '"reminded late"'
    assert ended.updated - begun.created == timedelta(days=7)
    assert replay(host.record("late"), approval) == []


def test_events_and_failures_without_a_loop(durable_sync: DurableSync) -> None:
    host = durable_sync(app)
    host.fail("remind", error=ValueError("no"), instance="b")
    host.run("approval", instance_id="a")
    host.run("approval", instance_id="b")
    assert json.loads(host.raise_event("a", "decided", {"yes": True}).output or "") == {"yes": True}
    host.advance(days=7)
    assert host.settled("b").status is Status.FAILED
    with pytest.raises(AlreadyFinished):
        host.wait(host.hub.terminate("a"))
