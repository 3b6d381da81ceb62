"""What the mirror costs a case: the same cases through the app, with and without the mirror and Camunda beside.

Blocks of cases with and without take turns in one run, so that both meet the same caches and the same load. Without:
both processes are stopped (SIGSTOP), so they are there and take no CPU; afterwards they go on and catch up before the
next block, which is counted for nobody. Three ways: ``shared``, all processes share the cores, and a case follows the
one before at once, so that the cores are never idle; ``paced``, the same with cases that come at random, as they would;
and ``apart``, as ``shared``, with Camunda and the mirror on the last core and all else on the others, which leaves of
the cost what the app itself has to do for the mirror.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import statistics
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import stack
from mirror.store import State, Store
from samples.client import Client
from samples.engine import SAMPLES, Engine
from stack import processes
from stack.options import CAMUNDA, NAMES
from tests.benchmarks.mirroring import absent
from tests.ports import free_port
from tests.stack.camunda import free_ports

WARM_UP: Final = 100
"""Cases: Camunda compiles its code to the end (``camunda_warm``), as one that has run for long."""
IDLE: Final = 10.0
"""Seconds in which nothing happens, for what the processes take then."""
BLOCKS: Final = 8
"""Of each kind and way."""
CASES: Final = 10
"""A block."""
EVERY: Final = 2.0
"""Seconds between two cases that come at random, in the middle."""
LIMIT: Final = 120.0
"""Seconds in which a block must have settled."""


@dataclass
class Spent:
    """What the cases of one kind took."""

    answers: list[float] = field(default_factory=list)
    """Milliseconds from $submit to the decision in the answer."""
    app: list[float] = field(default_factory=list)
    """CPU milliseconds of the app a case beyond what it takes idle, by block; likewise the others."""
    mirror: list[float] = field(default_factory=list)
    camunda: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Medians, and the p95 of the answers."""
        ordered = sorted(self.answers)
        return {
            "p50": statistics.median(ordered),
            "p95": ordered[int(len(ordered) * 0.95)],
            "app_cpu_ms": statistics.median(self.app),
            "mirror_cpu_ms": statistics.median(self.mirror),
            "camunda_cpu_ms": statistics.median(self.camunda),
        }


def measure(data: Path) -> dict[str, Any]:
    """The cost by way, or why there is none."""
    ports = stack.Options(
        data=data,
        only=NAMES + CAMUNDA,
        camunda_warm=True,
        fhir_port=free_port(),
        rules_port=free_port(),
        kafka_port=free_port(),
        registry_port=free_port(),
    )
    options = free_ports(ports)
    if reason := absent(options):
        return {"skipped": reason}
    engine = Engine(data=data, port=free_port(), options=options, hook_port=None, witness_port=free_port())
    with engine, Client(engine) as client:
        bench = Bench(engine, client)
        bench.submit([0.0] * WARM_UP)
        bench.settle()
        bench.rest()
        load = os.getloadavg()[0]
        idle = {f"{name}_idle_percent": 100 * each for name, each in bench.idle.items()}
        return {
            "load": load,
            **idle,
            "paced": bench.compare(EVERY),
            "shared": bench.compare(),
            "apart": bench.compare_apart(),
        }


class Bench:
    """One engine with its mirror."""

    def __init__(self, engine: Engine, client: Client) -> None:
        self._engine, self._client = engine, client
        self._bundle = json.loads((SAMPLES / "cases" / "approved-at-once.json").read_text())
        states = {state.name: state.pid or 0 for state in engine.servers.states()}
        assert engine.mirror is not None
        self._pids = {"app": engine.app.pid, "mirror": engine.mirror.pid, "camunda": states.pop("camunda")}
        self._servers = list(states.values())
        self.idle = dict.fromkeys(self._pids, 0.0)

    def rest(self) -> None:
        """Measure what the processes take when nothing happens: how long a block lasts must not count."""
        before = self._cpu()
        time.sleep(IDLE)
        self.idle = {name: (spent - before[name]) / IDLE for name, spent in self._cpu().items()}

    def compare(self, every: float = 0.0) -> dict[str, Any]:
        """Figures ``with`` and ``without``, and the percentage that the mirror adds to each. Cases come at random,
        ``every`` so many seconds in the middle; 0: one after the other."""
        spent = {True: Spent(), False: Spent()}
        for block in range(BLOCKS):
            for mirrored in (block % 2 == 0, block % 2 == 1):
                self._block(spent[mirrored], _pauses(Random(block), every), mirrored=mirrored)
        ours, others = spent[True].figures(), spent[False].figures()
        added = {name: 100 * (ours[name] / others[name] - 1) for name in ("p50", "p95", "app_cpu_ms")}
        return {"with": ours, "without": others, "added_percent": added, "cases": BLOCKS * CASES}

    def compare_apart(self) -> dict[str, Any]:
        """The same, with cores of their own for Camunda and the mirror."""
        *others, last = sorted(os.sched_getaffinity(0))
        if not others:
            return {"skipped": "there is one core alone"}
        _pin((self._pids["mirror"], self._pids["camunda"]), {last})
        _pin((self._pids["app"], *self._servers), set(others))
        return self.compare()

    def submit(self, pauses: Sequence[float]) -> list[float]:
        """A case that is decided at once after each of ``pauses`` (seconds): milliseconds of each case."""
        times = []
        for pause in pauses:
            time.sleep(pause)
            self._bundle["identifier"]["value"] = uuid.uuid4().hex
            answered = self._client.send("hillview-ehr", "/fhir/Claim/$submit", json.dumps(self._bundle).encode())
            assert answered.status == 200, answered.body
            times.append(answered.seconds * 1000)
        return times

    def settle(self, *, mirrored: bool = True) -> None:
        """Wait until all instances have ended and, if ``mirrored``, are shown to their end."""
        end = time.monotonic() + LIMIT
        while self._open() or (mirrored and self._shown() < self._all()):
            if time.monotonic() > end:
                raise TimeoutError(f"{self._open()} instances go on, {self._shown()} of {self._all()} are shown")
            time.sleep(0.2)

    def _block(self, spent: Spent, pauses: Sequence[float], *, mirrored: bool) -> None:
        if not mirrored:
            self._signal(signal.SIGSTOP)
        try:
            before, began = self._cpu(), time.monotonic()
            spent.answers += self.submit(pauses)
            self.settle(mirrored=mirrored)
            after, seconds = self._cpu(), time.monotonic() - began
        finally:
            self._signal(signal.SIGCONT)
        for name, pile in (("app", spent.app), ("mirror", spent.mirror), ("camunda", spent.camunda)):
            idle = self.idle[name] * seconds if mirrored or name == "app" else 0.0
            pile.append((after[name] - before[name] - idle) * 1000 / CASES)
        self.settle()

    def _signal(self, number: signal.Signals) -> None:
        for name in ("mirror", "camunda"):
            os.kill(self._pids[name], number)

    def _cpu(self) -> dict[str, float]:
        return {name: processes.cpu_seconds(pid) or 0.0 for name, pid in self._pids.items()}

    def _open(self) -> int:
        return self._count("where status not in ('Completed', 'Failed', 'Terminated')")

    def _all(self) -> int:
        return self._count("")

    def _count(self, where: str) -> int:
        hub = self._engine.data / "host" / "hub.sqlite"
        with closing(sqlite3.connect(f"file:{hub}?mode=ro", uri=True)) as connection:
            return int(connection.execute(f"select count(*) from instances {where}").fetchone()[0])

    def _shown(self) -> int:
        store = Store(self._engine.data / "mirror" / "mirror.sqlite")
        try:
            return store.counts().get(State.CLOSED, 0)
        finally:
            store.close()


def _pauses(random: Random, every: float) -> list[float]:
    """Before each case of a block, as between those of many submitters who know nothing of each other."""
    return [random.expovariate(1 / every) if every else 0.0 for _ in range(CASES)]


def _pin(pids: Iterable[int], cores: set[int]) -> None:
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        print(json.dumps(measure(Path(place)), indent=2))
