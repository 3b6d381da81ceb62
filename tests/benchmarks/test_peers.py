"""The peers benchmark without its engines: what is measured of a made-up one, and what is said of made-up rows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.benchmarks.peers import activity, footprint, page, plot, runs
from tests.benchmarks.peers.aims import AIMS, judge
from tests.benchmarks.peers.engine import Engine
from tests.benchmarks.peers.matrix import LONG, Cell
from tests.benchmarks.peers.runs import FLUSHES, Run
from tests.benchmarks.peers.workloads import ALL, Metrics, Sizes
from tests.benchmarks.report import write

SMALL = Sizes(4, 2, 3, 5, (2, 3), 10, 4, 0.0)


class Instant(Engine):
    """Everything has happened at once."""

    async def open(self) -> None: ...

    async def start(self, workflow: str, instance: str, argument: int) -> None:
        if workflow == "task":
            activity.reached(instance)
        with (self.data / footprint.LOG).open("a") as log:
            log.writelines(f"{instance} {step} {time.monotonic()}\n" for step in range(argument))
        self._outputs: dict[str, object] = {**getattr(self, "_outputs", {}), instance: _output(workflow, argument)}

    async def wait(self, instance: str) -> object:
        return self._outputs[instance]

    async def approve(self, instance: str) -> None: ...

    async def close(self) -> None: ...


def _output(workflow: str, argument: int) -> object:
    return {"steps": "done", "fan": argument, "task": True}[workflow]


@pytest.fixture(autouse=True)
def nobody_waits() -> Iterator[None]:
    activity.waiting.clear()
    yield
    activity.waiting.clear()


def _row(workload: str, engine: str, metric: str, value: float, runs: int = 3) -> dict[str, Any]:
    better = "higher" if metric.endswith("/s") else "lower"
    row = {"workload": workload, "engine": engine, "metric": metric, "value": value, "better": better}
    return {**row, "runs": runs, "range": [value, value]}


def _report(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    about = {"load": [0.5, 1.5], "cores": 2, "versions": {"dbos": "1"}, "notes": ["temporal: no such program"]}
    return {"rows": list(rows), "peers": about, **more}


async def test_every_aim_is_measured(tmp_path: Path) -> None:
    measured = {("W6", "seconds"), ("W6", "executed again"), ("flushes", "flushes/instance")}  # by ``runs``
    for workload in ("w1", "w2", "w3a", "w3b", "w4", "w5"):
        data = tmp_path / workload
        data.mkdir()
        metrics: Metrics = await ALL[workload](Instant(data), SMALL)
        cell = Cell(workload[0].upper() + workload[1:], Run("host", workload, SMALL), [metrics])
        measured |= {(row["workload"], row["metric"]) for row in cell.rows()}
    assert {(aim.workload, aim.metric) for aim in AIMS} <= measured


def test_a_row_is_the_median_of_its_runs() -> None:
    cell = Cell("W1", Run("host", "w1", SMALL), [{"instances/s": value} for value in (90.0, 100.04, 500.0)])
    (row,) = cell.rows()
    assert row == _row("W1", "host", "instances/s", 100.0) | {"range": [90.0, 500.0]}


def test_a_cell_is_run_once_and_again_while_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "measure", lambda run: {"instances/s": 1.0})
    cell, now = Cell("W1", Run("host", "w1", SMALL)), time.monotonic()
    for deadline, count in ((now - 1, 1), (now - 1, 1), (now + 60, 2)):
        cell.again(deadline)
        assert len(cell.results) == count
    cell.seconds = LONG + 1
    cell.again(now + 600)
    assert len(cell.results) == 2


def test_a_failed_cell_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(run: Run) -> Metrics:
        raise runs.Failed("host w1: it ended")

    monkeypatch.setattr(runs, "measure", fails)
    cell = Cell("W1", Run("host", "w1", SMALL))
    cell.again(time.monotonic() + 60)
    monkeypatch.setattr(runs, "measure", lambda run: {"instances/s": 1.0})
    cell.again(time.monotonic() + 60)
    assert (cell.failed, cell.rows()) == ("host w1: it ended", [])


def test_aims_are_judged_against_the_best_of_their_peers() -> None:
    rows = [
        _row("W1", "host", "instances/s", 149.0),
        _row("W1", "dbos-full", "instances/s", 40.0),
        _row("W1", "dbos-wal", "instances/s", 100.0),
        _row("W1", "durabletask-memory", "instances/s", 120.0),
        _row("W2", "host", "p50 ms", 9.0),
        _row("W2", "host-http", "p50 ms", 1.0),
        _row("W2", "dbos-wal", "p50 ms", 9.0),
        _row("W5", "host", "KB/parked", 20.0),
        _row("W6", "host", "executed again", 21.0),
    ]
    met = {(each.name, each.words): each.met for each in judge(rows, cores=2)}
    assert met["W1 instances/s", "at least 1.5 × dbos"] is False
    assert met["W1 instances/s", "more than every peer"] is True
    assert met["W2 p50 ms", "less than every peer"] is False
    assert met["W5 KB/parked", "at most 20"] is True
    assert met["W6 executed again", "at most 20"] is False
    assert met["W3a activities/s", "less than every peer"] is None


def test_the_page_says_what_is_not_met_and_why() -> None:
    rows = [
        _row("W2", "host", "p50 ms", 9.0),
        _row("W2", "dbos-wal", "p50 ms", 8.0, runs=1),
        _row("20000 parked", "host", "KB/parked", 12.0),
    ]
    text = page.lines(_report(*rows, reasons={"W2 p50 ms": "the flush."}))
    assert "| W2 | p50 ms | 9 | 8 (dbos-wal) | 1.12 | less than every peer | **not met** |" in text
    assert "- W2 p50 ms, less than every peer: the flush." in text
    assert "| W2 | p50 ms | 9 | 8 (1) |" in text
    assert "| 20000 parked | KB/parked | 12 |" in text
    assert "- Not measured: temporal: no such program." in text


def test_the_plot_shows_how_many_times_the_host_is_better() -> None:
    rows = [_row("W1", "host", "CPU ms/instance", 5.0), _row("W1", "dbos-wal", "CPU ms/instance", 20.0)]
    assert [(dot.engine, dot.better) for dot in plot.dots(rows)] == [("dbos-wal", 4.0)]
    titles = ElementTree.fromstring(plot.svg(rows)).iter("{http://www.w3.org/2000/svg}title")
    assert [title.text for title in titles] == ["dbos-wal: 4.00"]


def test_a_report_keeps_what_this_run_has_not_measured(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps({"cold": {"seconds_to_table": 70.0}, "reasons": {"W1": "why"}}))
    write(tmp_path, _report(_row("W1", "host", "instances/s", 123.45)))
    kept = json.loads((tmp_path / "report.json").read_text())
    assert kept["cold"] == {"seconds_to_table": 70.0}
    assert kept["reasons"] == {"W1": "why"}
    assert kept["rows"][0]["value"] == 123.45
    assert (tmp_path / "peers.md").exists()
    assert (tmp_path / "peers.svg").exists()


def test_flushes_are_counted_once_each() -> None:
    trace = [
        "7 fdatasync(9) = 0",
        "7 fsync(9 <unfinished ...>",
        "8 <... fsync resumed>) = 0",
        "7 +++ exited with 0 +++",
    ]
    assert sum(FLUSHES.search(line) is not None for line in trace) == 2
