"""A thousand open cases of a prior-authorization-shaped app on the embedded host: memory, time, CPU."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx

from stack import processes
from tests.benchmarks.hosted import hosted

APP = Path(__file__).parent / "waiting_app"
OPEN = 1000
AT_ONCE = 16


def measure(data: Path) -> dict[str, float]:
    """Megabytes at start and with all open, seconds to open all, CPU milliseconds a case."""
    with hosted(APP, data) as (pid, url):
        before, cpu = processes.resident_bytes(pid) or 0, processes.cpu_seconds(pid) or 0.0
        begin = time.monotonic()
        asyncio.run(_open(url))
        seconds = time.monotonic() - begin
        time.sleep(5)
        after = processes.resident_bytes(pid) or 0
        spent = (processes.cpu_seconds(pid) or 0.0) - cpu
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
