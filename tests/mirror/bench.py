"""A mirror with a Camunda in memory on one side and cases that never were on the other."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from adapters.camunda.instance import Instance
from adapters.camunda.memory import MemoryCamunda
from domain.process.model import Model
from mirror import connect
from mirror.deploy import Release, deploy
from mirror.mirror import Mirror, Pace
from mirror.store import Case, Store
from samples.mirrored import as_one, flows
from tests.mirror.simulated import Simulated, SimulatedSource, simulated
from tests.processes.traces import model

FAST = Pace(quiet=0.1, sweep=0.5, lease=0.3, patience=100.0)
IMPATIENT = replace(FAST, patience=1.5)
"""For tests in which somebody moves an instance by hand."""
WORKFLOWS = ("prior-authorization", "appeal")


@dataclass
class Bench:
    """A mirror with its two sides."""

    source: SimulatedSource
    camunda: MemoryCamunda
    path: Path
    pace: Pace = FAST
    releases: list[Release] = field(default_factory=connect.releases)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Mirror]:
        """A mirror at work. It ends as if it was killed: nothing is finished."""
        store = Store(self.path)
        try:
            await deploy(self.camunda, store, self.releases, connect.beside())
            models = connect.models(self.releases)
            mirror = Mirror(self.source, self.camunda, self.camunda, store, models, self.pace)
            task = asyncio.create_task(mirror.run())
            try:
                yield mirror
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                await mirror.aclose()
        finally:
            store.close()

    def shown(self, case: Simulated) -> Instance:
        """The one process instance of a case."""
        (instance,) = self.camunda.of(case.id)
        return instance

    def stored(self, case: Simulated) -> Case:
        """What the mirror remembers of a case."""
        store = Store(self.path)
        try:
            found = store.case(case.id)
        finally:
            store.close()
        assert found is not None
        return found

    def is_exact(self, case: Simulated) -> bool:
        instances = self.camunda.of(case.id)
        return len(instances) == 1 and _exact(instances[0], case)

    def differences(self) -> list[str]:
        return [case.id for case in self.source.cases.values() if not self.is_exact(case)]


def _exact(instance: Instance, case: Simulated) -> bool:
    shape: Model = model(case.workflow)
    taken = Counter(each for each in instance.game.path if each in shape.flows)
    walked = case.expected()
    stands = sorted(token.element for token in walked.tokens)
    return (
        as_one(taken, shape) == as_one(flows(walked, shape), shape)
        and sorted(each.element for each in instance.standing) == stands
        and instance.active is not walked.ended
    )


def add(bench: Bench, number: int, seed: int = 0) -> Simulated:
    workflow = WORKFLOWS[number % 2]
    return bench.source.add(simulated(f"{workflow}-{number}", workflow, Random(1000 * seed + number)))


async def until_exact(bench: Bench, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while bench.differences():
        assert time.monotonic() < end, bench.differences()
        await asyncio.sleep(0.05)


async def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until it holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
