"""Ended instances are forgotten when they have been kept long enough, by outcome."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import pytest

from host.model import InstanceQuery, Status
from host.retention import Purger, parse_retention
from host.settings import StartupError
from host.store import Store
from host.store.memory import MemoryStore
from host.testing import DurableHost, FunctionsInvoker, durable_host

Flow = Generator[Any, Any, Any]


def done(context: df.DurableOrchestrationContext) -> str:
    return "done"


def broken(context: df.DurableOrchestrationContext) -> str:
    raise ValueError("broken")


def waiting(context: df.DurableOrchestrationContext) -> Flow:
    yield context.wait_for_external_event("go")


@asynccontextmanager
async def retaining(text: str, store: Store) -> AsyncIterator[DurableHost]:
    """A host that forgets; nothing but its clock makes it."""
    flows = {code.__name__: code for code in (done, broken, waiting)}
    async with durable_host(FunctionsInvoker(flows), store=store) as host:
        purger = Purger(store, host.clock, parse_retention(text))
        purger.start()
        yield host
        await purger.stop()


async def kept(host: DurableHost) -> list[str]:
    return sorted(instance.instance_id for instance in (await host.hub.query(InstanceQuery())).items)


async def test_each_outcome_is_kept_as_long_as_it_is_said(store: Store) -> None:
    async with retaining("completed=2d, failed=never, terminated=12h", store) as host:
        await host.run("done", None, "completed")
        await host.run("broken", None, "failed")
        await host.run("waiting", None, "running")
        await host.run("waiting", None, "terminated")
        await host.hub.terminate("terminated")
        await host.hub.idle()
        await host.advance(hours=11, minutes=30)
        assert await kept(host) == ["completed", "failed", "running", "terminated"]
        await host.advance(hours=1)
        assert await kept(host) == ["completed", "failed", "running"]
        await host.advance(days=1, hours=11)
        assert "completed" in await kept(host)
        await host.advance(days=30)
        assert await kept(host) == ["failed", "running"]


async def test_a_span_beyond_the_calendar_is_as_never(store: Store) -> None:
    async with retaining("completed=999999d, failed=1h", store) as host:
        await host.run("done", None, "completed")
        await host.run("broken", None, "failed")
        await host.advance(hours=2)
        assert await kept(host) == ["completed"]


async def test_the_time_counts_from_the_end(store: Store) -> None:
    async with retaining("completed=1d", store) as host:
        await host.run("waiting", None, "long")
        await host.advance(days=10)
        await host.raise_event("long", "go")
        await host.advance(hours=23)
        assert await kept(host) == ["long"]
        await host.advance(hours=2)
        assert await kept(host) == []


async def test_many_go_in_one_hour(store: Store) -> None:
    async with retaining("completed=1h", store) as host:
        for number in range(101):
            await host.hub.start("done", None, f"d-{number}")
        await host.hub.idle()
        await host.advance(minutes=59)
        assert len(await kept(host)) == 101
        await host.advance(minutes=61)
        assert await kept(host) == []


class FailingStore(MemoryStore):
    """Cannot purge once."""

    failed = False

    async def purge(self, instance_ids: Sequence[str]) -> int:
        if instance_ids and not self.failed:
            self.failed = True
            raise OSError("canary-value")
        return await super().purge(instance_ids)


async def test_what_fails_is_tried_again_in_an_hour(caplog: pytest.LogCaptureFixture) -> None:
    async with retaining("completed=1h", FailingStore()) as host:
        await host.run("done", None, "d")
        await host.advance(hours=1)
        assert await kept(host) == ["d"]
        assert "were not purged (OSError)" in caplog.text
        assert "canary" not in caplog.text
        await host.advance(hours=1)
        assert await kept(host) == []


def test_spans() -> None:
    assert parse_retention("Completed=30d,failed=never,terminated=90m") == {
        Status.COMPLETED: timedelta(days=30),
        Status.TERMINATED: timedelta(minutes=90),
    }


@pytest.mark.parametrize("text", ["running=1d", "completed", "completed=", "completed=1w", "completed=-1d", "", ","])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(StartupError, match="--retain"):
        parse_retention(text)
