"""The embedded host: its engine with the SQLite store in this process, and the hub as its client."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Final

from host.app import load_app
from host.clock import SystemClock
from host.garbage import settle
from host.hub import TaskHub
from host.invoker import AppInvoker
from host.options import HubOptions
from host.store.sqlite import SqliteStore
from tests.benchmarks.peers.engine import Engine

APP: Final = Path(__file__).parent / "app"
LONG: Final = 600.0
"""Seconds that an instance may take."""


class HostEngine(Engine):
    """As ``python -m host start`` puts it together, without its HTTP server."""

    evicts = True

    async def open(self) -> None:
        app = load_app(APP)
        settle()
        self._invoker = AppInvoker(app)
        store = SqliteStore(self.data / "hub.sqlite")
        options = HubOptions.from_host_json(app.host_json.raw)
        self._idle_seconds = options.session_idle
        self._hub = TaskHub(store, self._invoker, SystemClock(), options)
        await self._invoker.open()
        self._running = asyncio.create_task(self._hub.run())
        await self._hub.ready.wait()

    async def start(self, workflow: str, instance: str, argument: int) -> None:
        await self._hub.start(workflow, json.dumps(argument), instance)

    async def ensure(self, workflow: str, instance: str, argument: int) -> None:
        if await self._hub.status(instance) is None:
            await self.start(workflow, instance, argument)

    async def wait(self, instance: str) -> object:
        status = await self._hub.wait(instance, LONG)
        assert status.output is not None, status.status
        return json.loads(status.output)

    async def approve(self, instance: str) -> None:
        await self._hub.raise_event(instance, "approved", "true")

    async def parked(self, count: int) -> None:
        """Also committed: the hub has nothing to do."""
        await super().parked(count)
        await self._hub.idle()

    async def evicted(self) -> None:
        """Living code is thrown away after a while."""
        await asyncio.sleep(self._idle_seconds + 2)

    async def close(self) -> None:
        await self._hub.stop()
        await self._running
        await self._invoker.close()
