"""``python -m mirror``: show the engine's cases in Camunda 8 until it is stopped. ``… status``: how far it is."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from contextlib import suppress
from typing import Final

from pydantic import ValidationError

from adapters.camunda.base import Camunda
from adapters.events.security import brokers
from domain.errors import Defect, Unavailable
from mirror import connect
from mirror.deploy import deploy
from mirror.hints import Hints
from mirror.http_source import HttpSource
from mirror.lock import AlreadyRunning, lock
from mirror.mirror import Mirror, Pace
from mirror.settings import MirrorSettings
from mirror.store import State, Store
from settings import SettingsError, settings

LOG: Final = logging.getLogger("workflow.mirror")
RETRY: Final = 5.0
"""Seconds between two tries to deploy."""
SETTLE: Final = 10.0
"""Seconds after a deployment: Tasklist 8.6 never shows the form of a task that it hears of before the form."""


def main() -> int:
    """Exit 0 after a stop, 2 for what must be corrected first."""
    parser = argparse.ArgumentParser(prog="python -m mirror", description=__doc__)
    parser.add_argument("verb", nargs="?", choices=("run", "status"), default="run")
    verb = parser.parse_args().verb
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        values = MirrorSettings()
        if verb == "status":
            return _status(values)
        with lock(values.mirror_store):
            asyncio.run(_run(values))
    except (SettingsError, ValidationError, AlreadyRunning, Defect) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _status(values: MirrorSettings) -> int:
    """show how many cases Camunda shows, and those that need a person"""
    if not values.mirror_store.exists():
        print(f"no mirror has worked on {values.mirror_store} yet")
        return 0
    store = Store(values.mirror_store)
    try:
        for state, count in sorted(store.counts().items()):
            print(f"{state:10} {count}")
        for state in (State.DEVIATES, State.UNKNOWN, State.LOST):
            for case in store.cases(state):
                print(f"{case.id}  {state}  {case.workflow} {case.version}, process instance {case.instance}")
    finally:
        store.close()
    return 0


async def _run(values: MirrorSettings) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    engine = connect.camunda(values)
    source = HttpSource(str(settings().public_url), values.token)
    store = Store(values.mirror_store)
    work = asyncio.create_task(_work(values, engine, source, store))
    ended = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((work, ended), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (work, ended):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await work
        await source.aclose()
        await engine.aclose()
        store.close()


async def _work(values: MirrorSettings, engine: Camunda, source: HttpSource, store: Store) -> None:
    releases = connect.releases()
    await _deploy(engine, store, SETTLE if values.camunda_rest else 0)
    pace = Pace(
        quiet=values.mirror_quiet_seconds,
        sweep=values.mirror_sweep_seconds,
        lease=values.mirror_lease_seconds,
        patience=values.mirror_patience_seconds,
    )
    mirror = Mirror(source, engine, connect.people(values), store, connect.models(releases), pace)
    hints = Hints(brokers(settings()), mirror.hint)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(mirror.run())
            group.create_task(hints.run())
    finally:
        await mirror.aclose()


async def _deploy(engine: Camunda, store: Store, settle: float) -> None:
    """Wait for an engine that takes the models."""
    while True:
        try:
            deployed = await deploy(engine, store, connect.releases(), connect.beside())
            for name in deployed:
                LOG.warning("deployed %s", name)
            await asyncio.sleep(settle if deployed else 0)
            return
        except Unavailable:
            await asyncio.sleep(RETRY)


if __name__ == "__main__":
    sys.exit(main())
