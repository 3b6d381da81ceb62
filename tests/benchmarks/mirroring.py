"""The mirror alone with the Camunda engine: how fast it shows cases that have happened, and how it catches up.

Its cases are simulated, so that nothing else works beside the two. The engine's code is compiled to the end
(``camunda_warm``), and rounds are run until they get no faster; three rounds are measured then.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any, Final

import stack
from adapters.camunda.grpc import GrpcCamunda
from adapters.camunda.people import Nobody
from domain.process.model import Model
from mirror import connect
from mirror.deploy import deploy
from mirror.mirror import Mirror, Pace
from mirror.settings import MirrorSettings
from mirror.store import State, Store
from samples.mirrored import exact
from samples.witness import KINDS, Witness, witness
from stack import processes
from stack.options import CAMUNDA
from stack.servers import servers
from tests.benchmarks import simple
from tests.mirror.simulated import Simulated, SimulatedSource, simulated
from tests.processes.traces import model
from tests.stack.camunda import free_ports

PACE: Final = Pace(quiet=0.2, sweep=5.0, lease=20.0)
ROUNDS: Final = 3
WARM: Final = 12
"""Rounds at most before those that count."""
GAIN: Final = 1.05
"""A round that is faster than the best before by less ends the warming."""
CASES: Final = {"own models": 60, "simple process": 200}
"""A round."""
OUTAGE: Final = 1000
"""Cases that happened while Camunda was away."""
LIMIT: Final = 600.0
"""Seconds that a round may take."""
COUNTED: Final = ("completed", "event", "ended")
"""What is a durable event, beside the start of an instance."""
Make = Callable[[str, int], Simulated]
"""A case of this id and number, all of which has happened."""


def absent(options: stack.Options) -> str:
    """Why Camunda cannot be measured here; empty when it can."""
    built = all(each.is_built for each in servers(options) if each.name == "camunda")
    return "" if built else "Camunda is not built: python -m stack build --only camunda"


def own(id_: str, number: int) -> Simulated:
    """A prior authorization or an appeal."""
    workflow = ("prior-authorization", "appeal")[number % 2]
    case = simulated(id_, workflow, Random(number))
    case.happens(len(case.steps))
    return case


@dataclass
class Beside:
    """A mirror and the engine that it shows cases in."""

    camunda: GrpcCamunda
    store: Store
    models: dict[tuple[str, str], Model]
    pid: int
    """Of the engine."""

    async def show(self, cases: list[Simulated]) -> dict[str, float]:
        """Show them to their end: seconds, events and moves a second, and CPU in percent of a core."""
        source = SimulatedSource({case.id: case for case in cases})
        mirror = Mirror(source, self.camunda, Nobody(), self.store, self.models, PACE)
        before = self.store.counts().get(State.CLOSED, 0)
        ours, theirs, begin = time.process_time(), processes.cpu_seconds(self.pid) or 0.0, time.monotonic()
        task = asyncio.create_task(mirror.run())
        while self.store.counts().get(State.CLOSED, 0) < before + len(cases):
            await asyncio.sleep(0.05)
            if time.monotonic() > begin + LIMIT:
                raise TimeoutError(f"{self.store.counts()} of {len(cases)} cases")
        seconds = time.monotonic() - begin
        figures = {
            "seconds": seconds,
            "events_per_second": sum(map(_events, cases)) / seconds,
            "moves_per_second": sum(len(case.expected().moves) + 1 for case in cases) / seconds,
            "mirror_cpu_percent": 100 * (time.process_time() - ours) / seconds,
            "camunda_cpu_percent": 100 * ((processes.cpu_seconds(self.pid) or 0.0) - theirs) / seconds,
        }
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await mirror.aclose()
        return figures


def measure(data: Path) -> dict[str, Any]:
    """Throughput and catch-up, or why there is none."""
    options = free_ports(stack.Options(data=data, only=CAMUNDA, camunda_warm=True))
    if reason := absent(options):
        return {"skipped": reason}
    report: dict[str, Any] = {"load": os.getloadavg()[0]}
    with _engine(options) as (servers_, pid):
        report["throughput"] = asyncio.run(_throughput(data, servers_.camunda_grpc, pid))
    report["load_before_catch_up"] = os.getloadavg()[0]
    report["catch_up"] = _catch_up(data / "outage")
    return report


async def _throughput(data: Path, grpc: str, pid: int) -> dict[str, Any]:
    beside = await _beside(data / "mirror.sqlite", grpc, pid)
    report: dict[str, Any] = {}
    for name, make in {"own models": own, "simple process": simple.simple}.items():
        report[name] = await _rounds(beside, name, make)
    await _closed(beside)
    return report


async def _rounds(beside: Beside, name: str, make: Make) -> dict[str, float]:
    best = 0.0
    for number in range(WARM):
        speed = (await beside.show(cases(f"warm-{number}", CASES[name], make)))["events_per_second"]
        if number > 2 and speed < best * GAIN:
            break
        best = max(best, speed)
    found = [await beside.show(cases(f"round-{number}", CASES[name], make)) for number in range(ROUNDS)]
    return {key: statistics.median(each[key] for each in found) for key in found[0]}


def cases(name: str, count: int, make: Make) -> list[Simulated]:
    """That many that have ended; a defect leaves some open, and those are left out."""
    made: list[Simulated] = []
    number = 0
    while len(made) < count:
        case = make(f"{make.__name__}-{name}-{number}", number)
        made += [case] if case.steps[-1].what == "ended" else []
        number += 1
    return made


def _catch_up(data: Path) -> dict[str, float]:
    """Camunda comes back after all of them have happened: seconds until it reports the way of each."""
    with witness() as watched:
        options = stack.Options(data=data, only=CAMUNDA, camunda_warm=True, camunda_exporter_kinds=KINDS)
        options = replace(free_ports(options), camunda_exporter_url=watched.url)
        return _back(data, options, watched)


def _back(data: Path, options: stack.Options, watched: Witness) -> dict[str, float]:
    missed = cases("outage", OUTAGE, own)
    with _engine(options) as (servers_, pid), get_context("spawn").Pool(1) as apart:
        begin = time.monotonic()
        figures = apart.apply(catch_up, (data / "mirror.sqlite", servers_.camunda_grpc, pid))
        while others := [case.id for case in missed if not _exact(watched, case)]:
            if time.monotonic() > begin + 2 * LIMIT:
                raise TimeoutError(f"{len(others)} of {len(missed)} cases are not shown as they went")
            time.sleep(0.2)
        return {**figures, "cases": len(missed), "seconds_to_exact": time.monotonic() - begin}


def catch_up(path: Path, grpc: str, pid: int) -> dict[str, float]:
    """Show what was missed. In a process of its own: what the engine reports must not take time from the mirror."""
    return asyncio.run(_all(path, grpc, pid, cases("outage", OUTAGE, own)))


async def _all(path: Path, grpc: str, pid: int, missed: list[Simulated]) -> dict[str, float]:
    beside = await _beside(path, grpc, pid)
    try:
        return await beside.show(missed)
    finally:
        await _closed(beside)


def _exact(watched: Witness, case: Simulated) -> bool:
    shown = watched.shown(case.id)
    return len(shown) == 1 and exact(shown[0], case.expected(), model(case.workflow))


def _events(case: Simulated) -> int:
    return 1 + sum(step.what in COUNTED for step in case.steps)


async def _beside(path: Path, grpc: str, pid: int) -> Beside:
    store, releases = Store(path), [*connect.releases(), simple.release()]
    camunda = connect.camunda(MirrorSettings(camunda_grpc=grpc))
    await deploy(camunda, store, releases, connect.beside())
    return Beside(camunda, store, connect.models(releases), pid)


async def _closed(beside: Beside) -> None:
    await beside.camunda.aclose()
    beside.store.close()


@contextmanager
def _engine(options: stack.Options) -> Iterator[tuple[stack.Servers, int]]:
    try:
        yield stack.up(options), _pid(options)
    finally:
        stack.down(options)


def _pid(options: stack.Options) -> int:
    running = processes.recall(options.data / "camunda.pid")
    assert running is not None
    return running.pid


if __name__ == "__main__":
    import json
    import tempfile

    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        print(json.dumps(measure(Path(place)), indent=2))
