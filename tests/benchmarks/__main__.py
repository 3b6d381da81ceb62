"""``make bench``: measures on this machine and writes ``docs/benchmarks``. ``--cold`` adds a run from empty caches."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import stack
from samples.cases import run, samples
from samples.client import Client
from samples.engine import Engine
from stack import processes
from stack.options import ROOT
from tests.benchmarks import azure, cost, events, latency, mirroring, waiting
from tests.benchmarks.peers import matrix
from tests.benchmarks.report import write
from tests.ports import free_port


def main() -> None:
    """Measure everything, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--cold", action="store_true", help="also time make run from a clean clone with empty caches")
    parser.add_argument("--only", choices=["peers"], help="compare the host with other engines, and nothing else")
    parser.add_argument(
        "--quick", action="store_true", help="with --only: small sizes, once, written to .data/benchmarks"
    )
    parser.add_argument("--rounds", type=int, default=3, help="of the comparison: runs of which the median is taken")
    parser.add_argument("--minutes", type=float, default=14.0, help="of the comparison: no second runs beyond them")
    parser.add_argument("--page", action="store_true", help="measure nothing: write the pages from the report again")
    given = parser.parse_args()
    folder = ROOT / "docs" / "benchmarks"
    if given.page:
        write(folder, {})
    elif given.quick:
        write(ROOT / ".data" / "benchmarks", matrix.measure(given.minutes, 1, quick=True))
    elif given.only:
        write(folder, matrix.measure(given.minutes, given.rounds))
    else:
        write(folder, _measure(given))


def _measure(given: argparse.Namespace) -> dict[str, Any]:
    """The whole report."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        data = Path(folder)
        report: dict[str, Any] = {"load": os.getloadavg()[0], "cores": os.cpu_count(), "python": sys.version.split()[0]}
        report["warm"] = _warm(data / "engine", report)
        report["waiting"] = waiting.measure(data / "waiting")
        report["events"] = events.measure(data / "events")
        report["mirror"] = mirroring.measure(data / "mirroring")
        report["mirror_cost"] = cost.measure(data / "cost")
        report["azure"] = azure.measure()
        if given.cold:
            report["cold"] = {"seconds_to_table": _cold(data)}
    return report | matrix.measure(given.minutes, given.rounds)


def _warm(data: Path, report: dict[str, Any]) -> dict[str, float]:
    """Empty databases, built servers: seconds to the table, memory and CPU of every process; then the latency."""
    begin = time.monotonic()
    options = stack.Options(
        data=data,
        fhir_port=free_port(),
        rules_port=free_port(),
        kafka_port=free_port(),
        registry_port=free_port(),
    )
    spans = data / "spans.jsonl"
    engine = Engine(data=data, port=free_port(), options=options, hook_port=None, arguments=("--spans", str(spans)))
    with engine:
        ready = time.monotonic() - begin
        with Client(engine) as client:
            outcomes = [run(client, sample) for sample in samples()]
        figures = {"seconds_to_ready": ready, "seconds_to_table": time.monotonic() - begin}
        figures["samples_as_expected"] = sum(not outcome.wrong for outcome in outcomes)
        figures |= _footprint("app", engine.app.pid)
        for state in engine.servers.states():
            figures |= _footprint(state.name, state.pid or 0)
        engine.stop_app()
        spans.unlink()
        engine.start_app()
        report["latency_ms"] = latency.measure(engine, spans)
    return figures


def _footprint(name: str, pid: int) -> dict[str, float]:
    return {
        f"{name}_mb": (processes.resident_bytes(pid) or 0) / 1e6,
        f"{name}_cpu_seconds": processes.cpu_seconds(pid) or 0.0,
    }


def _cold(folder: Path) -> float:
    """Seconds of ``make run ONCE=1`` in a clean clone, with no cache of pip or Maven."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    environment = os.environ | {
        "MAVEN_OPTS": f"-Dmaven.repo.local={folder / 'm2'}",
        "PIP_NO_CACHE_DIR": "1",
    }
    ports = f"ARGS=--port {free_port()} --fhir-port {free_port()} --rules-port {free_port()}"
    ports += f" --kafka-port {free_port()} --registry-port {free_port()}"
    begin = time.monotonic()
    subprocess.run(["make", "run", "ONCE=1", ports], cwd=clone, check=True, env=environment)
    return time.monotonic() - begin


if __name__ == "__main__":
    main()
