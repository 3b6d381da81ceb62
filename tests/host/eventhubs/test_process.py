"""The host as a process of its own, killed and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.ports import free_port
from tests.support.amqp import EventHubsServer

APP = Path(__file__).parent / "app"


class Host:
    """``python -m host start``."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.seen = folder / "seen"
        self._options = ("--app", str(APP), "--data", str(folder / "data"), "--port", str(free_port()), *options)

    async def __aenter__(self) -> Host:
        environ = dict(os.environ) | {"SEEN": str(self.seen)}
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "host", "start", *self._options, env=environ, stdout=asyncio.subprocess.DEVNULL
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def until(self, line: str) -> list[str]:
        """The lines that the function wrote, once this one is there."""
        async with asyncio.timeout(60):
            while not self.seen.exists() or line not in self.seen.read_text().splitlines():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return self.seen.read_text().splitlines()


async def test_a_killed_host_goes_on_behind_its_last_checkpoint(
    server: EventHubsServer, send: Callable[..., Any], tmp_path: Path
) -> None:
    await send("one", "a", "b")
    async with Host(tmp_path) as host:
        await host.until("1 b")
        await server.until("out", 1)
        await send("one", "c")
        assert await host.until("2 c") == ["0 a", "1 b", "2 c"]
        await server.until("out", 2)
        host.process.send_signal(signal.SIGKILL)
        await host.process.wait()
    await send("one", "d")
    async with Host(tmp_path) as host:
        lines = await host.until("3 d")
        host.process.send_signal(signal.SIGTERM)
        assert await host.process.wait() == 0
    # The kill may have come before the checkpoint of the last event.
    assert lines in (["0 a", "1 b", "2 c", "3 d"], ["0 a", "1 b", "2 c", "2 c", "3 d"])


async def test_events_of_a_process_that_died_are_delivered_again(
    server: EventHubsServer, send: Callable[..., Any], tmp_path: Path
) -> None:
    await send("one", "die")
    async with Host(tmp_path, "--isolate") as host:
        await server.until("out", 1)
        assert await host.until("0 die") == ["0 die", "0 die"]
