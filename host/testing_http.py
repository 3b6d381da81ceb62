"""The whole host in the test's own process: an app directory behind a real port of loopback.

async with http_host(directory) as host:
    answer = await host.client.post("/start", json={})
    await host.durable.advance(days=7)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from host.app import AppIndex, load_app
from host.clock import Clock, VirtualClock
from host.deliveries import Deliveries
from host.eventhubs.runner import EventHubsRunner
from host.identity import Identities, Identity
from host.invoker import AppInvoker
from host.kafka.runner import KafkaRunner
from host.keys import Keys
from host.options import Compat, HubOptions
from host.schedule import TimerRunner
from host.server import Server, ServerOptions, serve
from host.store import Store
from host.telemetry import Telemetry
from host.testing import DurableHost, durable_host


@dataclass(frozen=True)
class HttpHost:
    """What a test holds."""

    app: AppIndex
    durable: DurableHost
    server: Server
    timers: TimerRunner
    client: aiohttp.ClientSession
    """Talks to the host; paths are relative to its origin."""
    deliveries: Deliveries

    @property
    def keys(self) -> Keys:
        """The keys of this host."""
        return self.server.keys


@asynccontextmanager
async def http_host(
    app: AppIndex | Path,
    *,
    clock: Clock | None = None,
    store: Store | None = None,
    compat: Compat = "azure",
    options: ServerOptions | None = None,
    identities: Sequence[Identity] | None = None,
    timer_file: Path | None = None,
    run_timers: bool = True,
    run_kafka: bool = False,
    run_event_hubs: bool = False,
    checkpoints: Path | None = None,
    telemetry: Telemetry | None = None,
) -> AsyncIterator[HttpHost]:
    """Serve an app until the block ends. The token of an identity is its id.

    ``run_timers=False`` leaves the schedules alone (a test that moves the clock by weeks would run each of them).
    Without ``run_kafka=True`` no broker is asked: Kafka triggers receive nothing and Kafka outputs go nowhere; likewise
    ``run_event_hubs``, with ``checkpoints`` as the file that remembers how far functions came.
    """
    app = load_app(app) if isinstance(app, Path) else app
    people = (
        Identities({each.id: each for each in identities}, {each.id: each.id for each in identities})
        if identities
        else None
    )
    options = options or ServerOptions(identities=people)
    invoker = AppInvoker(app, telemetry)
    clock = VirtualClock() if clock is None else clock
    try:
        hub = HubOptions.from_host_json(app.host_json.raw, compat)
        async with durable_host(invoker, clock=clock, store=store, options=hub) as durable:
            timers = TimerRunner(app, invoker, clock, timer_file)
            deliveries = Deliveries()
            messages: list[KafkaRunner | EventHubsRunner] = []
            if run_kafka:
                messages.append(KafkaRunner(app, invoker, clock, deliveries, compat))
            if run_event_hubs:
                messages.append(EventHubsRunner(app, invoker, clock, deliveries, checkpoints, compat))
            server = await serve(app, durable.hub, invoker, timers, options, deliveries=deliveries)
            if run_timers:
                timers.start()
            try:
                for runner in messages:
                    runner.start()
                # The jar takes cookies of a bare address too.
                async with aiohttp.ClientSession(server.origin, cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
                    yield HttpHost(app, durable, server, timers, client, deliveries)
                await server.drain()
                await timers.stop()
            finally:
                for runner in messages:
                    await runner.stop()
                    await runner.close()
                await server.close()
    finally:
        await invoker.close()


def _identities(people: Sequence[Identity]) -> Identities:
    return Identities({each.id: each for each in people}, {each.id: each.id for each in people})
