"""Event Hubs triggers when the service, the connection or the consumer fails."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import pytest
from azure.eventhub.aio import EventHubConsumerClient

from host.eventhubs import listener
from host.eventhubs.listener import EventHubListener
from tests.host.eventhubs.conftest import Seen, Send, host, recording
from tests.support.amqp import EventHubsServer


async def test_an_outage_is_said_once_and_ends(
    server: EventHubsServer, send: Send, seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "host")
    await send("one", "a")
    async with host(recording(seen)) as running:
        await seen.until(1)
        await server.stop()
        async with asyncio.timeout(60):
            while not running.deliveries.outages:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await server.start()
        await send("one", "b")
        assert await seen.until(2) == ["a", "b"]
        async with asyncio.timeout(60):
            while running.deliveries.outages:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert seen.calls == ["a", "b"]
    texts = [record.getMessage() for record in caplog.records if record.name == "host.eventhubs"]
    assert len(texts) == 2
    assert "does not answer" in texts[0]
    assert "answers again" in texts[1]


async def test_a_consumer_that_failed_is_shown_and_begun_anew(
    server: EventHubsServer, send: Send, seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: EventHubConsumerClient) -> list[str]:
        raise RuntimeError("canary-value")

    await send("one", "a")
    async with host(recording(seen)) as running:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(EventHubConsumerClient, "get_partition_ids", fail)
            async with asyncio.timeout(60):
                while not running.deliveries.outages:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            reason = running.deliveries.outages["take"].reason
            assert reason == "its consumer failed (RuntimeError) and is begun anew"
        assert await seen.until(1) == ["a"]
        async with asyncio.timeout(60):
            while running.deliveries.outages:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert "canary" not in caplog.text


async def test_a_stop_ends_also_where_the_library_swallows_it(
    server: EventHubsServer, send: Send, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look(*_: Any, **__: Any) -> None:
        for _each in range(2):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)

    monkeypatch.setattr(EventHubListener, "_look", look)
    monkeypatch.setattr(listener, "CANCEL_SECONDS", 0.05)
    await send("one", "a")
    async with asyncio.timeout(60), host(recording(seen)):
        await seen.until(1)


async def test_a_broken_connection_delivers_nothing_twice(server: EventHubsServer, send: Send, seen: Seen) -> None:
    await send("one", *map(str, range(20)))
    async with host(recording(seen)):
        await seen.until(3)
        server.drop_connections()
        await send("one", "last")
        await seen.until(21)
    assert seen.calls == [*map(str, range(20)), "last"]


async def test_a_partition_that_another_receiver_took_is_received_again(
    server: EventHubsServer, send: Send, seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    await send("one", "a")
    async with host(recording(seen)) as running:
        await seen.until(1)
        server.detach("one", b"amqp:link:stolen")
        await send("one", "b")
        assert await seen.until(2) == ["a", "b"]
        said = "take: a receiver ended (ConnectionLostError, amqp:link:stolen) and is begun anew"
        async with asyncio.timeout(60):
            while said not in caplog.text:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert not running.deliveries.outages
