"""Moments at which the mirror may die, be told late or be refused, that leave nothing behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from random import Random

import pytest

from adapters.camunda.base import Variables
from adapters.camunda.memory import WAIT, MemoryCamunda
from domain.errors import Defect
from mirror.reconcile import Reconciler
from mirror.source import Standing
from mirror.store import Case, JobState, Store
from tests.adapters.camunda.side import deploy, start
from tests.mirror.bench import Bench, until_exact
from tests.mirror.simulated import Simulated, simulated


class Killed(BaseException):
    """The process ends here."""


class DiesAtAWait(MemoryCamunda):
    """Kills the mirror once, when the job of a wait has been completed."""

    def __init__(self) -> None:
        super().__init__(time.monotonic)
        self.killed = asyncio.Event()

    async def complete(self, job: int, variables: Variables) -> bool:
        found = self._job(job)
        done = await super().complete(job, variables)
        if found is not None and found[1].kind == WAIT and not self.killed.is_set():
            self.killed.set()
            raise Killed
        return done


def overdue(bench: Bench) -> Simulated:
    """A case that asks for information until the time is up."""
    for seed in range(500):
        case = simulated("appeal-1", "appeal", Random(seed))
        case.happens(len(case.steps))
        if "information-overdue" in case.expected().path:
            return bench.source.add(case)
    raise AssertionError("no case is overdue")


async def test_a_mirror_that_dies_when_a_wait_begins_ends_it_in_time(bench: Bench) -> None:
    camunda = bench.camunda = DiesAtAWait()
    case = overdue(bench)
    with suppress(Killed, BaseExceptionGroup):
        async with bench.running():
            async with asyncio.timeout(30):
                await camunda.killed.wait()
    async with bench.running():
        await until_exact(bench)
    assert len(camunda.of(case.id)) == 1


async def test_a_job_whose_incident_was_cleared_may_be_told_late(tmp_path: Path) -> None:
    camunda, store = MemoryCamunda(time.monotonic), Store(tmp_path / "mirror.sqlite")
    await deploy(camunda)
    id_ = await start(camunda)
    (job,) = camunda._open(["durable.step"], ["durableId", "mirrored"], 60.0)
    reconciler, case = Reconciler(camunda, store, time.time), Case(id_, "prior-authorization")
    noted = await reconciler.arrived(case, job)
    assert noted is not None
    await camunda.fail(job.key, "code")
    await reconciler._clear(noted)
    await reconciler.arrived(case, job)
    assert [each.key for each in store.jobs(id_) if each.state is JobState.OPEN] == []
    store.close()


async def test_a_sweep_that_the_engine_refuses_is_told_and_tried_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Its role may be given to the mirror while it runs."""
    case = overdue(bench)
    instances, refused = bench.source.instances, [True]

    async def guarded(ended_since: datetime | None) -> Sequence[Standing]:
        if refused:
            refused.pop()
            raise Defect("engine-403", "role")
        return await instances(ended_since)

    bench.source.instances = guarded  # type: ignore[method-assign]
    async with bench.running():
        await until_exact(bench)
    assert "engine-403" in caplog.text
    assert len(bench.camunda.of(case.id)) == 1
