"""Event Hubs triggers on the host, against a real AMQP server."""

from __future__ import annotations

import asyncio
import threading
import typing
from pathlib import Path

import azure.functions as func
import pytest
from azure.eventhub import EventData

from host.eventhubs.delivery import Deliverer
from tests.host.eventhubs.conftest import Seen, Send, host, recording, trigger
from tests.support.amqp import EventHubsServer


async def test_one_event_a_call_with_its_metadata(server: EventHubsServer, send: Send, seen: Seen) -> None:
    app = func.FunctionApp()

    @trigger(app)
    async def take(event: func.EventHubEvent) -> None:
        seen.add(event)

    sent = EventData("a")
    sent.properties = {"cloudEvents_type": "t.v1", "n": 1}
    await send("one", sent, "b", key="k")
    async with host(app) as running:
        first, second = await seen.until(2)
        (row,) = [each for each in running.deliveries.view()["deliveries"] if each["first"] == 0]
    record = server.hubs["one"].records[0]
    assert (first.get_body(), second.get_body()) == (b"a", b"b")
    assert (first.partition_key, first.sequence_number, first.offset) == ("k", 0, record.offset)
    assert int(first.enqueued_time.timestamp() * 1000) == record.enqueued
    assert first.metadata["Properties"] == {"cloudEvents_type": "t.v1", "n": 1}
    assert first.metadata["SystemProperties"]["SequenceNumber"] == 0
    context = first.metadata["PartitionContext"]
    assert (context["PartitionId"], context["EventHubName"], context["ConsumerGroup"]) == ("0", "one", "$Default")
    assert (row["function"], row["source"], row["type"], row["outcome"]) == ("take", "one", "t.v1", "ok")


async def test_many_events_a_call_come_from_one_partition(server: EventHubsServer, send: Send, seen: Seen) -> None:
    app = func.FunctionApp()

    @trigger(app, hub="in", cardinality="many")
    def take(event: typing.List[func.EventHubEvent]) -> None:  # noqa: UP006 (what Azure takes)
        seen.add(event)

    await send("in", *(f"k{n}" for n in range(5)), key="k")
    await send("in", *(f"j{n}" for n in range(5)), key="jj")
    async with host(app, maxEventBatchSize=3):
        async with asyncio.timeout(60):
            while sum(map(len, seen.calls)) < 10:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert {len({event.partition_key for event in call}) for call in seen.calls} == {1}
    for letter in "kj":
        mine = [event for call in seen.calls for event in call if event.get_body().decode()[0] == letter]
        assert [event.get_body().decode()[1] for event in mine] == list("01234")
        assert [event.sequence_number for event in mine] == list(range(5))
    assert max(map(len, seen.calls)) == 3


async def test_a_restart_goes_on_behind_the_last_checkpoint(
    server: EventHubsServer, send: Send, seen: Seen, tmp_path: Path
) -> None:
    file = tmp_path / "data" / "eventhubs.sqlite"
    await send("one", "a", "b")
    async with host(recording(seen), checkpoints=file):
        await seen.until(2)
    assert file.stat().st_mode & 0o077 == 0
    await send("one", "c")
    async with host(recording(seen), checkpoints=file) as running:
        assert await seen.until(3) == ["a", "b", "c"]
        async with asyncio.timeout(60):
            while running.deliveries.view()["positions"][0]["position"] != 3:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert running.deliveries.view()["positions"][0]["lag"] == 0


async def test_a_stop_lets_the_running_call_end_and_keeps_its_checkpoint(
    server: EventHubsServer, send: Send, seen: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, ended, stopping = func.FunctionApp(), list[str](), threading.Event()
    stop = Deliverer.stop

    async def told(deliverer: Deliverer) -> None:
        stopped = asyncio.create_task(stop(deliverer))
        await asyncio.sleep(0)
        stopping.set()
        await stopped

    @trigger(app)
    def take(event: func.EventHubEvent) -> None:
        seen.add(event.get_body().decode())
        assert stopping.wait(60)
        ended.append(event.get_body().decode())

    monkeypatch.setattr(Deliverer, "stop", told)
    await send("one", "a", "b")
    async with host(app, checkpoints=tmp_path / "file"):
        await seen.until(1)
    assert ended == ["a"]
    async with host(recording(seen), checkpoints=tmp_path / "file"):
        assert await seen.until(2) == ["a", "b"]


async def test_an_event_whose_function_fails_is_skipped_and_said(
    server: EventHubsServer, send: Send, seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    app = func.FunctionApp()

    @trigger(app)
    async def take(event: func.EventHubEvent) -> None:
        seen.add(event.get_body().decode())
        if event.sequence_number == 0:
            raise ValueError("secret")

    await send("one", "a", "b")
    async with host(app) as running:
        assert await seen.until(2) == ["a", "b"]
        outcomes = [each["outcome"] for each in running.deliveries.view()["deliveries"]]
    assert outcomes[0] == "failed"
    assert "take: one/0 events 0-0 are skipped" in caplog.text
    assert "secret" not in caplog.text


async def test_fixed_skips_nothing(server: EventHubsServer, send: Send, seen: Seen) -> None:
    app = func.FunctionApp()

    @trigger(app)
    async def take(event: func.EventHubEvent) -> None:
        seen.add(event.get_body().decode())
        if len(seen.calls) == 1:
            raise ValueError

    await send("one", "a", "b")
    async with host(app, compat="fixed"):
        assert await seen.until(3) == ["a", "a", "b"]


async def test_a_retry_policy_comes_before_the_checkpoint(server: EventHubsServer, send: Send, seen: Seen) -> None:
    app = func.FunctionApp()

    @app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:00")
    @trigger(app)
    async def take(event: func.EventHubEvent, context: func.Context) -> None:
        seen.add((event.get_body().decode(), context.retry_context.retry_count))
        if event.get_body() == b"a":
            raise ValueError

    await send("one", "a", "b")
    async with host(app):
        assert await seen.until(4) == [("a", 0), ("a", 1), ("a", 2), ("b", 0)]


async def test_the_trace_and_the_type_that_a_sender_gave(server: EventHubsServer, send: Send, seen: Seen) -> None:
    """Only what has its form counts."""
    app, traces = func.FunctionApp(), {name: f"00-{name * 32}-{'1' * 16}-01" for name in "abc"}

    @trigger(app)
    async def take(event: func.EventHubEvent, context: func.Context) -> None:
        seen.add(context.trace_context.trace_parent.split("-")[1])

    given = [
        {"cloudEvents_traceparent": "canary", "traceparent": traces["a"], "cloudEvents_type": "\x1b[31mcanary"},
        {"cloudEvents:traceparent": traces["b"], "traceparent": traces["a"], "ce_type": "a.b"},
        {"ce_traceparent": traces["c"]},
    ]
    for properties in given:
        event = EventData("x")
        event.properties = properties
        await send("one", event)
    async with host(app) as running:
        assert await seen.until(3) == ["a" * 32, "b" * 32, "c" * 32]
        async with asyncio.timeout(60):
            while len(rows := running.deliveries.view()["deliveries"]) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert [each["type"] for each in rows] == ["(unreadable)", "a.b", ""]
