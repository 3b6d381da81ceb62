"""Which engine does what, and in which order: they take turns, so that a drift of the machine's load hits all."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.benchmarks.peers import runs
from tests.benchmarks.peers.runs import Failed, Run
from tests.benchmarks.peers.workloads import QUICK, Metrics, Sizes

WORKLOADS: Final = ("w1", "w2", "w3a", "w3b", "w4", "w5", "w6")
ENGINES: Final[dict[str, tuple[str, ...]]] = {
    "host": WORKLOADS,
    "host-http": ("w2",),
    "dbos-wal": WORKLOADS,
    "dbos-wal-sync": ("w1", "w2", "w4"),
    "durabletask-memory": WORKLOADS,
    "dbos-full": WORKLOADS,
    "temporal": WORKLOADS,
}
FLUSHED: Final = ("host", "dbos-wal", "dbos-full")
PARKED: Final = (1_000, 20_000)
STEPS: Final = (100, 1_000, 10_000)
ANCHORS: Final = ("host", "host-http", "dbos-wal", "dbos-wal-sync", "durabletask-memory")
"""Their workloads are the first to be run again."""
LONG: Final = 45.0
"""Seconds: a cell that takes longer is run once."""


@dataclass(slots=True)
class Cell:
    """One engine's runs of one workload."""

    name: str
    """Of the workload, as the report has it."""
    run: Run
    results: list[Metrics] = field(default_factory=list)
    seconds: float = 0.0
    """Of its last run, with its processes."""
    failed: str | None = None

    @property
    def is_anchor(self) -> bool:
        """Whether a second run of it matters more than one of another."""
        return self.run.engine in ANCHORS and self.name == _name(self.run.workload)

    def again(self, deadline: float) -> None:
        """Run it, unless it has failed or would not be done in time."""
        late = bool(self.results) and time.monotonic() + self.seconds > deadline
        if self.failed or late or (self.results and self.seconds > LONG):
            return
        begin = time.monotonic()
        try:
            self.results.append(self._once())
        except Failed as failure:
            self.failed = str(failure)
        self.seconds = time.monotonic() - begin
        print(f"{self.name:14} {self.run.engine:18} {self.seconds:6.1f} s  {self.failed or ''}", flush=True)

    def _once(self) -> Metrics:
        match self.run.workload:
            case "w6":
                return runs.killed(self.run)
            case "flushes":
                return runs.flushes(self.run.engine)
            case _:
                return runs.measure(self.run)

    def rows(self) -> list[dict[str, Any]]:
        """Medians over its runs."""
        by_metric: defaultdict[str, list[float]] = defaultdict(list)
        for result in self.results:
            for metric, value in result.items():
                by_metric[metric].append(value)
        return [_row(self.name, self.run.engine, metric, values) for metric, values in by_metric.items()]


def measure(minutes: float, rounds: int, quick: bool = False) -> dict[str, Any]:
    """``rows`` and ``peers`` of the report.

    The first round is always made whole; of the others, what fits into ``minutes``: that of the anchors first.
    """
    deadline = time.monotonic() + minutes * 60
    load = os.getloadavg()[0]
    cells = _cells(QUICK if quick else Sizes(), quick)
    anchors = [cell for cell in cells if cell.is_anchor]
    others = [cell for cell in cells if not cell.is_anchor]
    for cell in [*cells, *anchors * (rounds - 1), *others * (rounds - 1)]:
        cell.again(deadline)
    notes = [cell.failed for cell in cells if cell.failed]
    if shutil.which("temporal") is None:
        notes.append("temporal: no such program on the PATH")
    about = {"load": [load, os.getloadavg()[0]], "cores": os.cpu_count(), "versions": runs.versions(), "notes": notes}
    return {"rows": [row for cell in cells for row in cell.rows()], "peers": about}


def _cells(sizes: Sizes, quick: bool) -> list[Cell]:
    engines = {name: does for name, does in ENGINES.items() if name != "temporal" or shutil.which("temporal")}
    compared = [
        Cell(_name(workload), Run(engine, workload, sizes))
        for workload in WORKLOADS
        for engine, does in engines.items()
        if workload in does
    ]
    return [*compared, *(Cell("flushes", Run(engine, "flushes", sizes)) for engine in FLUSHED), *_scale(sizes, quick)]


def _name(workload: str) -> str:
    """As the report has it: W3a."""
    return workload[0].upper() + workload[1:]


def _scale(sizes: Sizes, quick: bool) -> list[Cell]:
    """How the host's cost grows; at the size of W5 the memory, once living code is thrown away."""
    shrink = 100 if quick else 1
    parked = (replace(sizes, parked=count // shrink) for count in PARKED)
    steps = (replace(sizes, long=max(10, count // shrink)) for count in STEPS)
    return [
        Cell("W5", Run("host", "memory", sizes)),
        *(Cell(f"{count} parked", Run("host", "parked", each)) for count, each in zip(PARKED, parked, strict=True)),
        *(Cell(f"{count} steps", Run("host", "w4", each)) for count, each in zip(STEPS, steps, strict=True)),
    ]


def _row(workload: str, engine: str, metric: str, values: list[float]) -> dict[str, Any]:
    return {
        "workload": workload,
        "engine": engine,
        "metric": metric,
        "value": _round(statistics.median(values)),
        "better": "higher" if metric.endswith("/s") else "lower",
        "runs": len(values),
        "range": [_round(min(values)), _round(max(values))],
    }


def _round(value: float) -> float:
    return float(f"{value:.4g}")
