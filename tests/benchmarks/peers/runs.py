"""Runs workloads in processes of their own, each with a fresh directory, and counts what only an observer can."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from stack.options import ROOT
from tests.benchmarks.peers import footprint
from tests.benchmarks.peers.workloads import STEPS, Metrics, Sizes

PEERS_PYTHON: Final = ROOT / ".cache" / "bench" / "bin" / "python"
"""Has the packages of requirements-bench.txt; made by ``make bench``."""
OURS: Final = ("host", "host-http")
LIMIT: Final = 600.0
"""Seconds that a workload may take."""
FLUSHES: Final = re.compile(r"\b(fsync|fdatasync)\(")
TRACED: Final = (10, 60)
"""Instances of W2 in two traced runs: what one more costs is their difference, without set-up."""


class Failed(Exception):
    """A run that gave no result; the text says which and how."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a cell of the benchmark is."""

    engine: str
    workload: str
    sizes: Sizes


def measure(run: Run) -> Metrics:
    """One run of a workload but W6.

    Raises:
        Failed: The process ended without a result, or ran too long.
    """
    with _fresh() as data, _child(run, data) as child:
        return _result(run, child, data)


def killed(run: Run) -> Metrics:
    """W6: seconds from the kill until all have ended, and how many activities ran more than once.

    Raises:
        Failed: As in ``measure``.
    """
    half = run.sizes.many * STEPS // 2
    with _fresh() as data:
        with _child(Run(run.engine, "begin", run.sizes), data) as child:
            _await(run, child, data, half)
        at = time.monotonic()  # its whole group is dead
        with _child(Run(run.engine, "finish", run.sizes), data) as child:
            ended = _result(run, child, data)["ended at"]
        done = [(line.instance, line.step) for line in _worked(data)]
    if len(set(done)) != run.sizes.many * STEPS:
        raise Failed(f"{run.engine} w6: {len(set(done))} of {run.sizes.many * STEPS} activities ran")
    return {"seconds": ended - at, "executed again": float(len(done) - len(set(done)))}


def flushes(engine: str) -> Metrics:
    """Calls of fsync and fdatasync that one more instance of W2 makes, by strace.

    Raises:
        Failed: There is no strace, or it may not trace.
    """
    if shutil.which("strace") is None:
        raise Failed("flushes: strace is not installed")
    few, many = (_traced(Run(engine, "w2", Sizes(single=count))) for count in TRACED)
    return {"flushes/instance": (many - few) / (TRACED[1] - TRACED[0])}


def versions() -> dict[str, str]:
    """Of the packages of the peers."""
    listed = subprocess.run([PEERS_PYTHON, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    wanted = ("dbos", "durabletask", "sqlalchemy", "temporalio")
    pairs = (line.partition("==") for line in listed.splitlines())
    return {name: version for name, _, version in pairs if name.lower() in wanted}


def _traced(run: Run) -> int:
    with _fresh() as data:
        trace = data / "trace"
        before = ("strace", "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", str(trace))
        with _child(run, data, before) as child:
            _result(run, child, data)
        return sum(FLUSHES.search(line) is not None for line in trace.read_text().splitlines())


@contextmanager
def _fresh() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="peers-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def _child(run: Run, data: Path, before: Sequence[str] = ()) -> Iterator[subprocess.Popen[bytes]]:
    """Killed at the end, with all that it has started."""
    python = sys.executable if run.engine in OURS else str(PEERS_PYTHON)
    command = [*before, python, "-m", "tests.benchmarks.peers.child"]
    command += [run.engine, run.workload, str(data), json.dumps(asdict(run.sizes))]
    with (data / "child.log").open("ab") as log:
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        _kill(child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):  # all have ended
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _result(run: Run, child: subprocess.Popen[bytes], data: Path) -> Metrics:
    from tests.benchmarks.peers.child import RESULT

    try:
        child.wait(LIMIT)
    except subprocess.TimeoutExpired:
        raise Failed(f"{run.engine} {run.workload}: still ran after {LIMIT:.0f} s") from None
    result = data / RESULT
    if not result.exists():
        said = (data / "child.log").read_text(errors="replace").strip().splitlines()
        raise Failed(f"{run.engine} {run.workload}: {said[-1] if said else f'status {child.returncode}'}")
    metrics: Metrics = json.loads(result.read_text())
    return metrics


def _await(run: Run, child: subprocess.Popen[bytes], data: Path, count: int) -> None:
    """Returns when that many activities have run."""
    end = time.monotonic() + LIMIT
    while len(_worked(data)) < count:
        if child.poll() is not None or time.monotonic() > end:
            raise Failed(f"{run.engine} w6: it did not come to its middle")
        time.sleep(0.02)


def _worked(data: Path) -> list[footprint.Line]:
    return [line for line in footprint.lines(data) if line.instance.startswith("w6-")]
