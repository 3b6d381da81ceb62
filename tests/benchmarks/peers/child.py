"""One engine does one workload in this process: ``python -m tests.benchmarks.peers.child ENGINE WORKLOAD DATA SIZES``.

DATA is its directory: what it stores, the log of its activities, and at the end ``result.json``. SIZES: JSON.
It runs under the Python that has the engine, and imports nothing else than that.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.benchmarks.peers import activity, footprint
from tests.benchmarks.peers.engine import Engine
from tests.benchmarks.peers.workloads import ALL, Sizes, warm

RESULT: Final = "result.json"
CLOSE_SECONDS: Final = 20.0


def engine_of(name: str, data: Path) -> Engine:
    """The engine of that name; its package is imported here alone."""
    if name == "host":
        from tests.benchmarks.peers.host_engine import HostEngine

        return HostEngine(data)
    if name == "host-http":
        from tests.benchmarks.peers.host_http_engine import HostHttpEngine

        return HostHttpEngine(data)
    if name == "durabletask-memory":
        from tests.benchmarks.peers.durabletask_engine import DurabletaskEngine

        return DurabletaskEngine(data)
    if name == "temporal":
        from tests.benchmarks.peers.temporal_engine import TemporalEngine

        return TemporalEngine(data)
    from tests.benchmarks.peers.dbos_engine import FLAVOURS, DbosEngine

    return DbosEngine(data, FLAVOURS[name])


async def main(name: str, workload: str, data: Path, sizes: Sizes) -> None:
    """Measure, and write the result."""
    engine = engine_of(name, data)
    await engine.open()
    if workload != "finish":
        await warm(engine)
    metrics = await ALL[workload](engine, sizes)
    (data / RESULT).write_text(json.dumps(metrics))
    with suppress(TimeoutError):
        await asyncio.wait_for(engine.close(), CLOSE_SECONDS)


if __name__ == "__main__":
    directory = Path(sys.argv[3])
    os.environ[activity.LOG] = str(directory / footprint.LOG)
    logging.disable(logging.WARNING)
    asyncio.run(main(sys.argv[1], sys.argv[2], directory, Sizes(**json.loads(sys.argv[4]))))
    os._exit(0)  # threads of an engine that hold on to its parked instances
