"""The embedded host as its users start it, driven over HTTP: the time of one instance as a remote client sees it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from typing import Final

import aiohttp

from tests.benchmarks.peers.engine import Engine
from tests.benchmarks.peers.host_engine import APP, LONG

READY: Final = re.compile(r"Ready at (\S+)")


class HostHttpEngine(Engine):
    """``python -m host start`` in a process of its own."""

    async def open(self) -> None:
        command = [sys.executable, "-m", "host", "start", "--app", str(APP), "--port", "0", "--data", str(self.data)]
        self._server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # noqa: ASYNC220
        self._url = await asyncio.to_thread(self._origin)
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LONG))

    async def run(self, workflow: str, instance: str, argument: int) -> object:
        """One request that starts it and waits for its end."""
        url = f"{self._url}/durabletask/orchestrators/{workflow}/{instance}?timeout={LONG:.0f}"
        async with self._client.post(url, json=json.dumps(argument)) as answer:
            assert answer.status == 200, answer.status
            return await answer.json(content_type=None)

    async def start(self, workflow: str, instance: str, argument: int) -> None:
        url = f"{self._url}/durabletask/orchestrators/{workflow}/{instance}"
        async with self._client.post(url, json=json.dumps(argument)) as answer:
            answer.raise_for_status()

    async def wait(self, instance: str) -> object:
        raise NotImplementedError("use run: it needs no polling")

    async def approve(self, instance: str) -> None:
        url = f"{self._url}/durabletask/instances/{instance}/raiseEvent/approved"
        async with self._client.post(url, json=True) as answer:
            answer.raise_for_status()

    def pids(self) -> list[int]:
        return [self._server.pid]

    async def close(self) -> None:
        await self._client.close()
        self._server.terminate()
        await asyncio.to_thread(self._server.wait)

    def _origin(self) -> str:
        assert self._server.stdout is not None
        for line in self._server.stdout:
            if (found := READY.search(line)) is not None:
                return found[1]
        raise RuntimeError(f"the host ended with status {os.waitstatus_to_exitcode(self._server.wait())}")
