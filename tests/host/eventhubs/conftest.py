"""Event hubs in the test's own process, and apps made on the spot."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubProducerClient

from host.app import AppIndex
from host.clock import SystemClock
from host.eventhubs import delivery, listener
from host.functions import describe
from host.settings import HostJson
from host.testing_http import http_host
from tests.support.amqp import EventHubsServer

Send = Callable[..., Any]
SETTING = "EVENT_HUBS"
_NAPPING = ("aio._client_base_async", "aio._eventprocessor.event_processor", "_pyamqp.aio._client_async")
"""Modules of azure-eventhub that sleep between two looks: 50 ms a frame of each handshake, 1 s at the end."""
_FASTER = 10


class _Hurried:
    """``asyncio``, with naps of a tenth."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / _FASTER)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the library nor the host waits as long as usual between two looks."""
    for name in _NAPPING:
        monkeypatch.setattr(import_module(f"azure.eventhub.{name}"), "asyncio", _Hurried())
    for name in ("LOOK_SECONDS", "AWAY_LOOK_SECONDS"):
        monkeypatch.setattr(listener, name, getattr(listener, name) / _FASTER)
    monkeypatch.setattr(delivery, "PAUSE", timedelta(seconds=0.1))


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EventHubsServer]:
    """A namespace with the hubs ``in`` (two partitions), ``one`` (one) and ``out``; its connection is a setting."""
    async with EventHubsServer({"in": 2, "one": 1, "out": 1}) as running:
        monkeypatch.setenv(SETTING, running.connection_string)
        yield running


@pytest.fixture
async def send(server: EventHubsServer) -> AsyncIterator[Callable[..., Any]]:
    """``await send("one", "a", "b")``."""
    clients: dict[str, EventHubProducerClient] = {}

    async def send(hub: str, *bodies: str | bytes | EventData, key: str | None = None) -> None:
        if hub not in clients:
            clients[hub] = EventHubProducerClient.from_connection_string(server.connection_string, eventhub_name=hub)
        batch = await clients[hub].create_batch(partition_key=key)
        for each in bodies:
            batch.add(each if isinstance(each, EventData) else EventData(each))
        await clients[hub].send_batch(batch)

    yield send
    for client in clients.values():
        await client.close()


class Seen:
    """What functions were called with."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self._changed = asyncio.Event()

    def add(self, call: Any) -> None:
        """Remember a call; from the host's loop or that of the functions."""
        self.calls.append(call)

    async def until(self, count: int, seconds: float = 60) -> list[Any]:
        """The calls, once there are so many."""
        async with asyncio.timeout(seconds):
            while len(self.calls) < count:  # noqa: ASYNC110 (functions run on another loop)
                await asyncio.sleep(0.01)
        return self.calls


@pytest.fixture
def seen() -> Seen:
    return Seen()


def index(app: func.FunctionApp, **section: Any) -> AppIndex:
    """An app of this test, with ``extensions.eventHubs``."""
    document = {"version": "2.0", "extensions": {"eventHubs": section}}
    functions = tuple(describe(each) for each in app.get_functions())
    return AppIndex(Path.cwd(), HostJson.model_validate_json(json.dumps(document)), functions)


def trigger(app: func.FunctionApp, hub: str = "one", **more: Any) -> Any:
    return app.event_hub_message_trigger(arg_name="event", event_hub_name=hub, connection=SETTING, **more)


def host(app: func.FunctionApp, compat: Any = "azure", checkpoints: Path | None = None, **section: Any) -> Any:
    return http_host(
        index(app, **section), clock=SystemClock(), compat=compat, run_event_hubs=True, checkpoints=checkpoints
    )


def recording(seen: Seen, **more: Any) -> func.FunctionApp:
    """An app that remembers the body of each event."""
    app = func.FunctionApp()

    @trigger(app, **more)
    async def take(event: func.EventHubEvent) -> None:
        seen.add(event.get_body().decode())

    return app
