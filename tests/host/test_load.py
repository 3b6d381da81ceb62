"""Many instances at once: memory of those that wait, time of those that run."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df

from host.clock import SystemClock
from host.store.sqlite import SqliteStore
from host.testing import FunctionsInvoker, durable_host

ROOT = Path(__file__).parents[2]
WAITING = 1000
LIMIT = 150 * 1024 * 1024
"""Bytes of resident memory."""


def waits(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield context.call_activity("hello", "x" * 500)
    event = context.wait_for_external_event("go")
    timer = context.create_timer(context.current_utc_datetime + timedelta(days=5))
    yield context.task_any([event, timer])
    timer.cancel()


async def main(data: Path) -> None:
    invoker = FunctionsInvoker({"waits": waits}, {"hello": lambda text: text})
    async with durable_host(invoker, clock=SystemClock(), store=SqliteStore(data / "hub.db")) as host:
        await asyncio.gather(*(host.hub.start("waits", instance_id=f"i{number}") for number in range(WAITING)))
        await host.hub.idle()
        host.invoker.calls.clear()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        print(json.dumps({"memory": pages * os.sysconf("SC_PAGE_SIZE")}))


def test_a_thousand_waiting_instances_stay_small(tmp_path: Path) -> None:
    command = [sys.executable, __file__, str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["memory"] < LIMIT


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
