"""``start``: serve an app until SIGTERM or SIGINT, then drain."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from host import lock, logs, telemetry
from host.app import AppIndex, load_app
from host.clock import Clock, SystemClock, VirtualClock
from host.functions import Kind
from host.hub import TaskHub
from host.identity import Identities, Identity, read_identities
from host.invoker import AppInvoker
from host.keys import Keys
from host.options import HubOptions
from host.schedule import TimerRunner
from host.server import Server, ServerOptions, describe_functions, serve
from host.settings import StartupError
from host.store import Store
from host.telemetry import Telemetry

KEYS = "keys.json"
IDENTITIES = "identities.json"
TIMERS = "timers.json"
STORE = "hub.sqlite"


@dataclass(frozen=True)
class _Host:
    """The running parts."""

    server: Server
    hub: TaskHub
    timers: TimerRunner
    invoker: AppInvoker
    telemetry: Telemetry


def run(options: argparse.Namespace) -> int:
    """Serve until stopped."""
    app_directory = options.app.resolve()
    data = (options.data or app_directory / ".data" / "host").resolve()
    people = read_identities(options.identities.resolve()) if options.identities else None
    spans = str(Path(options.spans).resolve()) if options.spans and options.spans != "-" else options.spans
    logs.set_up(options.log_format, options.log_level)
    with lock.hold(data):
        if app_directory.is_dir():
            os.chdir(app_directory)
        app = load_app(app_directory)
        return asyncio.run(_serve(options, app, data, people, telemetry.set_up(spans)))


async def _serve(
    options: argparse.Namespace,
    app: AppIndex,
    data: Path,
    people: tuple[Identity, ...] | None,
    spans: Telemetry,
) -> int:
    stopping = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stopping.set)
    clock: Clock = VirtualClock() if options.clock == "virtual" else SystemClock()
    invoker = AppInvoker(app, spans)
    hub = TaskHub(_store(data), invoker, clock, HubOptions.from_host_json(app.host_json.raw, options.compat))
    timers = TimerRunner(app, invoker, clock, data / TIMERS)
    working = asyncio.create_task(hub.run())
    try:
        await _ready(hub, working)
        server = await serve(app, hub, invoker, timers, _server_options(options, app, data, people))
        lock.publish(data, server.origin)
        timers.start()
        _announce(app, server)
        await asyncio.wait({working, asyncio.create_task(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED)
        await _stop(_Host(server, hub, timers, invoker, spans))
    finally:
        working.cancel()
    return 0


async def _ready(hub: TaskHub, working: asyncio.Task[None]) -> None:
    ready = asyncio.create_task(hub.ready.wait())
    await asyncio.wait({ready, working}, return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        ready.cancel()
        error = working.exception()
        raise StartupError(f"The store cannot be opened: {error}") from error


def _store(data: Path) -> Store:
    from host.store.sqlite import SqliteStore

    return SqliteStore(data / STORE)


def _server_options(
    options: argparse.Namespace, app: AppIndex, data: Path, people: tuple[Identity, ...] | None
) -> ServerOptions:
    return ServerOptions(
        address=options.address,
        port=options.port,
        max_body=options.max_body,
        keys=Keys.open(data / KEYS, (function.name for function in app.of(Kind.HTTP))),
        identities=Identities.open(people, data / IDENTITIES) if people is not None else None,
    )


def _announce(app: AppIndex, server: Server) -> None:
    for warning in app.warnings:
        print(f"Warning: {warning}")
    print(describe_functions(app, server))
    print(f"Ready at {server.origin} (Ctrl-C stops)", flush=True)


async def _stop(host: _Host) -> None:
    """Nothing new from outside, then timers, then the engine; the client API answers until the functions have ended."""
    await host.server.drain()
    await host.timers.stop()
    await host.hub.stop()
    await host.server.close()
    await host.invoker.close()
    host.telemetry.shutdown()
