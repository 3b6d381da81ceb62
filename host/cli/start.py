"""``start``: serve an app until SIGTERM or SIGINT, then drain."""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from host import forks, garbage, lock, logs, telemetry
from host.app import AppIndex, load_app
from host.clock import Clock, SystemClock, VirtualClock
from host.deliveries import Deliveries
from host.eventhubs.runner import EventHubsRunner
from host.functions import Kind
from host.hub import TaskHub
from host.identity import Identities, Identity, read_identities
from host.invoker import AppInvoker
from host.kafka.runner import KafkaRunner
from host.keys import Keys, read_private_json, write_private_json
from host.options import HubOptions
from host.retention import Purger, parse_retention
from host.schedule import TimerRunner
from host.server import Server, ServerOptions, describe_functions, listen, serve
from host.settings import StartupError, apply_local_settings, read_host_json, require_app
from host.store import Store
from host.telemetry import Telemetry

KEYS = "keys.json"
IDENTITIES = "identities.json"
TIMERS = "timers.json"
CHECKPOINTS = "eventhubs.sqlite"
STORE = "hub.sqlite"
CLOCK = "clock.json"
CONNECTIONS = 65_536
STOPPING = (signal.SIGTERM, signal.SIGINT)
ENVIRONMENT = "AZURE_FUNCTIONS_ENVIRONMENT"
"""Set as Core Tools does, so that an app can tell where it runs."""


@dataclass(frozen=True)
class _Host:
    """The running parts."""

    server: Server
    hub: TaskHub
    timers: TimerRunner
    purger: Purger
    kafka: KafkaRunner
    event_hubs: EventHubsRunner
    invoker: AppInvoker

    async def close(self) -> None:
        """No new requests, then timers, messages and purges, then the engine.

        The client API answers until the functions have ended.
        """
        await self.server.drain()
        await asyncio.gather(self.timers.stop(), self.purger.stop(), self.kafka.stop(), self.event_hubs.stop())
        await self.hub.stop()
        await asyncio.gather(self.kafka.close(), self.event_hubs.close())
        await self.server.close()
        await self.invoker.close()


class KeptClock(VirtualClock):
    """A virtual clock that goes on where the last host of its directory left it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        reached = read_private_json(path).get("now")
        super().__init__(*([datetime.fromisoformat(reached)] if reached else []))

    async def advance_to(self, when: datetime) -> None:
        """Move time, and remember it."""
        await super().advance_to(when)
        write_private_json(self._path, {"now": self.now().isoformat()})


def run(options: argparse.Namespace) -> int:
    """Serve until stopped."""
    app_directory = options.app.resolve()
    data = (options.data or app_directory / ".data" / "host").resolve()
    people = read_identities(options.identities.resolve()) if options.identities else None
    if options.spans and options.spans != "-":
        options.spans = str(Path(options.spans).resolve())
    options.retain = parse_retention(options.retain) if options.retain else {}
    require_app(app_directory)  # before a directory of state is made in what was only misspelt
    _allow_connections()
    with lock.hold(data):
        os.chdir(app_directory)
        os.environ.setdefault(ENVIRONMENT, "Development")
        # What the app then sets up for itself when it is imported is left alone.
        options.log_level = options.log_level or _log_level(app_directory)
        logs.set_up(options.log_format, options.log_level)
        app = load_app(app_directory)
        garbage.settle()
        return asyncio.run(_serve(options, app, data, people, telemetry.set_up(options.spans)))


def _log_level(app_directory: Path) -> str:
    apply_local_settings(app_directory, os.environ)  # may override what host.json says
    return read_host_json(app_directory, os.environ).log_level


async def _serve(
    options: argparse.Namespace,
    app: AppIndex,
    data: Path,
    people: tuple[Identity, ...] | None,
    spans: Telemetry,
) -> int:
    stopping = asyncio.Event()
    forks.handle(*STOPPING)
    for each in STOPPING:
        asyncio.get_running_loop().add_signal_handler(each, stopping.set)
    server_options = _server_options(options, app, data, people)
    listener = listen(app, server_options)
    invoker = _invoker(options, app, spans)
    invoker.client = listener.binding.text()
    clock = _clock(options, data)
    store = _store(data)
    hub = TaskHub(store, invoker, clock, HubOptions.from_host_json(app.host_json.raw, options.compat, options.sessions))
    if isinstance(clock, VirtualClock):
        clock.settle_with(hub.idle)
    timers = TimerRunner(app, invoker, clock, data / TIMERS)
    purger = Purger(store, clock, options.retain)
    deliveries = Deliveries()
    kafka = KafkaRunner(app, invoker, clock, deliveries, options.compat)
    event_hubs = EventHubsRunner(app, invoker, clock, deliveries, data / CHECKPOINTS, options.compat)
    await invoker.open()
    working = asyncio.create_task(hub.run())
    await _ready(hub, working)
    server = await serve(app, hub, invoker, timers, server_options, listener, deliveries=deliveries)
    lock.publish(data, server.origin)
    timers.start()
    purger.start()
    kafka.start()
    event_hubs.start()
    _announce((*app.warnings, *kafka.warnings, *event_hubs.warnings), app, server)
    await asyncio.wait({working, asyncio.create_task(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED)
    failed = working.done()
    await _stop(_Host(server, hub, timers, purger, kafka, event_hubs, invoker), options.drain)
    spans.shutdown()
    return 1 if failed else 0


async def _stop(host: _Host, seconds: float) -> None:
    """Drain; what then still runs is cut: its result is not stored, so the next start runs it again."""
    for each in STOPPING:
        asyncio.get_running_loop().add_signal_handler(each, os._exit, 130)
    try:
        await asyncio.wait_for(host.close(), seconds)
    except TimeoutError:
        print(
            f"Functions still ran after {seconds:.0f} s and are cut: orchestrations run them again at the next start.",
            flush=True,
        )
        # Threads that hang would keep the process alive.
        os._exit(0)


async def _ready(hub: TaskHub, working: asyncio.Task[None]) -> None:
    ready = asyncio.create_task(hub.ready.wait())
    await asyncio.wait({ready, working}, return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        ready.cancel()
        error = working.exception()
        raise StartupError(f"The store cannot be opened: {error}") from error


def _allow_connections() -> None:
    """Let this process open as many files as it may: each connection is one, and 1,024 is a usual limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, CONNECTIONS)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _clock(options: argparse.Namespace, data: Path) -> Clock:
    return KeptClock(data / CLOCK) if options.clock == "virtual" else SystemClock()


def _invoker(options: argparse.Namespace, app: AppIndex, spans: Telemetry) -> AppInvoker:
    if not options.isolate:
        return AppInvoker(app, spans)
    from host.isolation import IsolatedInvoker

    arguments = ["--log-format", options.log_format, "--log-level", options.log_level]
    return IsolatedInvoker(app, spans, arguments + (["--spans", options.spans] if options.spans else []))


def _store(data: Path) -> Store:
    from host.store.sqlite import SqliteStore

    return SqliteStore(data / STORE)


def _server_options(
    options: argparse.Namespace, app: AppIndex, data: Path, people: tuple[Identity, ...] | None
) -> ServerOptions:
    try:
        keys = Keys.open(data / KEYS, (function.name for function in app.of(Kind.HTTP)))
        identities = Identities.open(people, data / IDENTITIES) if people is not None else None
    except OSError as error:
        raise StartupError(f"Keys cannot be written to {data} ({error.strerror}).") from error
    return ServerOptions(
        address=options.address, port=options.port, max_body=options.max_body, keys=keys, identities=identities
    )


def _announce(warnings: Sequence[str], app: AppIndex, server: Server) -> None:
    for warning in warnings:
        print(f"Warning: {warning}")
    print(describe_functions(app, server))
    print(f"Ready at {server.origin} (Ctrl-C stops)", flush=True)
