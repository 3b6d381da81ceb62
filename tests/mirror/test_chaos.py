"""The real engine under disorder: the mirror dies at random commands, the engine is killed, hints lie.

In the end Camunda itself must report exactly the way of each case, by one process instance each. The log that a failure
quotes says which move waited, and for which jobs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count, islice
from pathlib import Path
from random import Random

import pytest

import stack
from mirror.store import State, Store
from samples.mirrored import exact
from samples.witness import KINDS, Shown, Witness, witness
from stack.options import ROOT
from tests.mirror.mortal import DEAD
from tests.mirror.simulated import Simulated, simulated, written
from tests.processes.traces import model
from tests.stack.camunda import camunda_options
from tests.stack.servers import kill, start

pytestmark = pytest.mark.integration
WORKFLOWS = ("prior-authorization", "appeal")
SIZES = [pytest.param((60, 0.005), id="60"), pytest.param((300, 0.002), marks=pytest.mark.fault, id="300")]
"""Cases, and how often the mirror dies: of its commands, before and after each. 300 cases take some five minutes."""
LIMIT = 900.0
"""Seconds."""


@pytest.fixture
def watched() -> Iterator[Witness]:
    with witness() as made:
        yield made


@pytest.fixture
def options(tmp_path: Path, watched: Witness) -> Iterator[stack.Options]:
    options = replace(camunda_options(tmp_path / "stack", exporter_url=watched.url), camunda_exporter_kinds=KINDS)
    yield options
    stack.down(options)


@dataclass
class World:
    """Cases that happen, and a mirror that is started again whenever it has died."""

    folder: Path
    grpc: str
    cases: list[Simulated]
    random: Random
    share: float
    """Of its commands, before and after each of which the mirror may die."""
    deaths: int = 0
    process: subprocess.Popen[bytes] | None = None
    progress: dict[str, int] = field(default_factory=dict)

    def happen(self, most: int) -> None:
        """Up to ``most`` cases go on by some steps."""
        going = [case for case in self.cases if not case.ended]
        for case in self.random.sample(going, min(most, len(going))):
            case.happens(self.random.randint(1, 5))
            self.progress[case.id] = case.happened
        new = self.folder / "progress.new"
        new.write_text(json.dumps(self.progress))
        new.replace(self.folder / "progress.json")

    def keep_alive(self) -> None:
        if self.process is not None and self.process.poll() is None:
            return
        if self.process is not None:
            assert self.process.returncode == DEAD, (self.folder / "mirror.log").read_text()[-2000:]
            self.deaths += 1
        arguments = (str(self.folder), self.grpc, str(self.random.random())[2:8], str(self.share))
        with (self.folder / "mirror.log").open("ab") as log:
            command = [sys.executable, "-m", "tests.mirror.mortal", *arguments]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def report(self) -> str:
        """How far it is, and what was shown anew and why."""
        told = [line for line in (self.folder / "mirror.log").read_text().splitlines() if "case " in line]
        return "\n".join([f"{self.closed()} of {len(self.cases)} cases, {self.deaths} deaths", *told])

    def closed(self) -> int:
        store = Store(self.folder / "mirror.sqlite")
        try:
            return store.counts().get(State.CLOSED, 0)
        finally:
            store.close()


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path, options: stack.Options) -> Iterator[World]:
    number, share = request.param
    folder = tmp_path / "mirror"
    folder.mkdir()
    driven = (simulated(f"{WORKFLOWS[n % 2]}-{n}", WORKFLOWS[n % 2], Random(n)) for n in count())
    ended = (case for case in driven if case.steps[-1].what == "ended")  # a defect leaves the others open
    cases = list(islice(ended, number))
    (folder / "cases.json").write_text(json.dumps([written(case) for case in cases]))
    made = World(folder, start(options).camunda_grpc, cases, Random(5), share)
    made.happen(0)
    yield made
    made.stop()


def differences(watched: Witness, cases: list[Simulated]) -> list[str]:
    return [case.id for case in cases if not _exact(watched.shown(case.id), case)]


def _exact(shown: list[Shown], case: Simulated) -> bool:
    return len(shown) == 1 and exact(shown[0], case.expected(), model(case.workflow))


def wait_for(holds: Callable[[], bool], world: World, until: float) -> None:
    while not holds():
        assert time.monotonic() < until, world.report()
        world.keep_alive()
        time.sleep(0.3)


@pytest.mark.timeout(1000)
@pytest.mark.parametrize("world", SIZES, indirect=True)
def test_all_converge_to_the_durable_way(world: World, watched: Witness, options: stack.Options) -> None:
    until = time.monotonic() + LIMIT
    while not all(case.ended for case in world.cases):
        world.happen(40)
        world.keep_alive()
        time.sleep(0.3)
    wait_for(lambda: world.closed() > len(world.cases) // 3, world, until)
    kill(options, "camunda")
    stack.up(options)
    wait_for(lambda: not differences(watched, world.cases), world, until)
    assert world.deaths > 3
    (world.folder / "result.json").write_text(json.dumps({"cases": len(world.cases), "deaths": world.deaths}))
