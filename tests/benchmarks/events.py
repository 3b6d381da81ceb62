"""From event to started instance on the embedded host, beside the broker's own figures of the same minutes.

Started: the orchestrator's first turn is stored. Three ways: the host's own manner (``--compat fixed``), the same with
one event a call, and the reference extension's defaults (``--compat azure``, nothing set in host.json).
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import stack
from tests.benchmarks import broker
from tests.benchmarks.hosted import hosted
from tests.ports import free_port

APP = Path(__file__).parent / "events_app"
LIGHT = (600, 50.0)
"""Events, and events a second, of the latency figure."""
HEAVY = 4000
"""Events, all at once, of the throughput figure."""
DEFAULTS: dict[str, Any] = {}
OURS: dict[str, Any] = {"kafka": {"commitOnFailure": False, "maxRetries": -1, "maxBatchSize": 64}}
WAYS = {
    "fixed, many": ("fixed", "many", OURS),
    "fixed, one": ("fixed", "one", OURS),
    "extension's defaults, many": ("azure", "many", DEFAULTS),
    "extension's defaults, one": ("azure", "one", DEFAULTS),
}


def measure(data: Path) -> dict[str, Any]:
    """Milliseconds from event to started instance at a low rate, and starts a second of a backlog."""
    options = stack.Options(data=data, only=("kafka",), kafka_port=free_port())
    with _running(options) as servers:
        brokers = servers.kafka_brokers
        report: dict[str, Any] = {"broker": broker.through(brokers, *LIGHT)}
        report["broker"]["per_second"] = broker.through(brokers, 50_000, None)["per_second"]
        for number, (name, way) in enumerate(WAYS.items()):
            report[name] = _way(data / f"way-{number}", brokers, *way)
    return report


def _way(folder: Path, brokers: str, compat: str, cardinality: str, extensions: dict[str, Any]) -> dict[str, float]:
    shutil.copytree(APP, folder / "app")
    extensions = {**extensions, "durableTask": {"hubName": "Bench"}}
    (folder / "app" / "host.json").write_text(json.dumps({"version": "2.0", "extensions": extensions}))
    topic = broker.topic(brokers, f"bench-{folder.name}")
    settings = {"BROKERS": brokers, "TOPIC": topic, "CARDINALITY": cardinality}
    with hosted(folder / "app", folder / "data", "--compat", compat, settings=settings):
        _started(folder, broker.send(brokers, topic, 20).at)  # the group has its partitions, caches are warm
        light = _started(folder, broker.send(brokers, topic, *LIGHT).at)
        heavy = _started(folder, broker.send(brokers, topic, HEAVY).at)
    return {"p50": light["p50"], "p99": light["p99"], "per_second": heavy["per_second"]}


def _started(folder: Path, sent: dict[str, int]) -> dict[str, float]:
    """When the first turn of each instance was stored."""
    store = folder / "data" / "hub.sqlite"
    end = time.monotonic() + 300
    while time.monotonic() < end:
        time.sleep(0.5)
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT id, updated FROM instances WHERE custom_status IS NOT NULL").fetchall()
        got = {key: updated * 1000 for key, updated in rows if key in sent}
        if len(got) == len(sent):
            return broker.latencies(sent, got)
    raise TimeoutError(f"{len(got)} of {len(sent)} instances were started")


@contextmanager
def _running(options: stack.Options) -> Iterator[stack.Servers]:
    try:
        yield stack.up(options)
    finally:
        stack.down(options)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        print(json.dumps(measure(Path(place)), indent=2))
