"""A thousand open cases of a prior-authorization-shaped app on the embedded host: memory, time, CPU."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import httpx

from stack import processes
from tests.ports import free_port

APP = Path(__file__).parent / "waiting_app"
OPEN = 1000
AT_ONCE = 16


def measure(data: Path) -> dict[str, float]:
    """Megabytes at start and with all open, seconds to open all, CPU milliseconds a case."""
    port = free_port()
    command = [sys.executable, "-m", "host", "start", "--app", str(APP), "--port", str(port), "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as host:
        try:
            url = f"http://127.0.0.1:{port}"
            _await(f"{url}/health/live")
            before, cpu = processes.resident_bytes(host.pid) or 0, processes.cpu_seconds(host.pid) or 0.0
            begin = time.monotonic()
            asyncio.run(_open(url))
            seconds = time.monotonic() - begin
            time.sleep(5)
            after = processes.resident_bytes(host.pid) or 0
            spent = (processes.cpu_seconds(host.pid) or 0.0) - cpu
        finally:
            host.terminate()
    return {
        "host_mb_empty": before / 1e6,
        "host_mb_open": after / 1e6,
        "seconds_to_open": seconds,
        "cpu_ms_per_case": spent * 1000 / OPEN,
    }


async def _open(url: str) -> None:
    turns = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:

        async def start(number: int) -> None:
            async with turns:
                answer = await client.post(f"{url}/api/start/case-{number}")
                answer.raise_for_status()

        await asyncio.gather(*(start(number) for number in range(OPEN)))


def _await(url: str) -> None:
    for _ in range(300):
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError(url)
