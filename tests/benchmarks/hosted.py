"""An app of the benchmarks on the embedded host, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.ports import free_port

READY_SECONDS = 60.0


@contextmanager
def hosted(
    app: Path, data: Path, *arguments: str, settings: Mapping[str, str] | None = None
) -> Iterator[tuple[int, str]]:
    """Process id and base URL of a host that answers."""
    port = free_port()
    command = [sys.executable, "-m", "host", "start", "--app", str(app), "--port", str(port), "--data", str(data)]
    environment = {**os.environ, **(settings or {})}
    with subprocess.Popen([*command, *arguments], stdout=subprocess.DEVNULL, env=environment) as host:
        try:
            url = f"http://127.0.0.1:{port}"
            _await(f"{url}/health/live")
            yield host.pid, url
        finally:
            host.terminate()


def _await(url: str) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError(url)
