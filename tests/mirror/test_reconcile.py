"""Moments at which the mirror may die, be told late or be refused, that leave nothing behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import Random

import pytest

from adapters.camunda.base import Job, Variables
from adapters.camunda.instance import WAIT
from adapters.camunda.memory import MemoryCamunda
from domain.errors import Defect
from domain.process.moves import Kind, Move
from domain.process.seen import What
from mirror.plan import Plan
from mirror.reconcile import Reconciler
from mirror.source import Standing, Step
from mirror.store import Case, JobState, State, Store
from tests.adapters.camunda.side import deploy, start
from tests.mirror.bench import FAST, IMPATIENT, Bench, until, until_exact
from tests.mirror.simulated import Simulated, simulated

Opening = tuple[MemoryCamunda, Store, Case, Job]


class Killed(BaseException):
    """The process ends here."""


class TellsWaitsLast(MemoryCamunda):
    """Hands out the job of a wait when no other job is left."""

    def _open(self, kinds: Sequence[str], fetch: Sequence[str], seconds: float) -> list[Job]:
        others = super()._open([kind for kind in kinds if kind != WAIT], fetch, seconds)
        return others or super()._open(kinds, fetch, seconds)


class EndsLate(MemoryCamunda):
    """Says for a while that an instance which has ended is still there, as an engine that has more to do."""

    def __init__(self) -> None:
        super().__init__(time.monotonic)
        self.asked = 0

    async def show(self, instance: int, variables: Variables) -> bool:
        there = await super().show(instance, variables)
        self.asked += not there
        return there or self.asked < 3


class TellsNothing(MemoryCamunda):
    """Hands out no job while it is silent."""

    silent = False

    def _open(self, kinds: Sequence[str], fetch: Sequence[str], seconds: float) -> list[Job]:
        return [] if self.silent else super()._open(kinds, fetch, seconds)


class Forgets(MemoryCamunda):
    """Crashes whenever it has handed out a job of an element for the first time, and works again on what came before:
    the token gets another key, its job too, and the instance where it has just begun."""

    def __init__(self) -> None:
        super().__init__(time.monotonic)
        self.forgot: set[str] = set()

    def _open(self, kinds: Sequence[str], fetch: Sequence[str], seconds: float) -> list[Job]:
        found = super()._open(kinds, fetch, seconds)
        for job in found:
            its, standing = self._job(job.key) or (None, None)
            if its and standing and job.element not in self.forgot:
                self.forgot.add(job.element)
                standing.key, standing.job, standing.leased = next(self._keys), next(self._keys), 0.0
                if job.element == "open-case":
                    del self.instances[its.key]
                    its.key = next(self._keys)
                    self.instances[its.key] = its
        return found


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


async def test_an_engine_that_crashes_may_give_a_job_another_key(bench: Bench) -> None:
    camunda = bench.camunda = Forgets()
    case = overdue(bench)
    async with bench.running():
        await until_exact(bench)
    assert {"open-case", "await-information", "close-case"} <= camunda.forgot
    assert len(camunda.of(case.id)) == 1


async def test_an_instance_with_another_key_is_not_taken_for_one_that_has_ended(bench: Bench) -> None:
    camunda = bench.camunda = Forgets()
    case = bench.source.add(simulated("appeal-1", "appeal", Random(0)))
    case.steps = [
        Step(what=What.STARTED, step="open-case"),
        Step(what=What.COMPLETED, step="open-case", variables={"closed": True}),
        Step(what=What.ENDED),
    ]
    case.happens(99)
    async with bench.running():
        await until_exact(bench)
    assert not camunda.of(case.id)[0].cancelled


def asked_twice(bench: Bench) -> Simulated:
    """A case that asks for information, gets it, asks again, and waits until the time is up."""
    for seed in range(2000):
        case = simulated("appeal-1", "appeal", Random(seed))
        case.happens(len(case.steps))
        kinds = [move.kind for move in case.expected().moves if move.element == "await-information" and move.leaves]
        if kinds[:2] == [Kind.MESSAGE, Kind.TIMER]:
            return bench.source.add(case)
    raise AssertionError("no case asks twice")


async def test_a_time_that_is_up_ends_this_wait_not_the_one_before(bench: Bench) -> None:
    bench.camunda = TellsWaitsLast(time.monotonic)
    case = asked_twice(bench)
    async with bench.running():
        await until_exact(bench)
    assert len(bench.camunda.of(case.id)) == 1


async def test_an_end_that_is_late_is_looked_for_again(bench: Bench) -> None:
    bench.camunda, bench.pace = EndsLate(), replace(FAST, sweep=60.0)
    case = overdue(bench)
    async with bench.running() as mirror:
        mirror.hint(case.id)
        await until(lambda: bool(bench.camunda.of(case.id)) and bench.stored(case).state is State.CLOSED)
    assert len(bench.camunda.of(case.id)) == 1


async def test_nobody_is_suspected_for_the_time_of_an_outage(bench: Bench) -> None:
    camunda = bench.camunda = TellsNothing(time.monotonic)
    bench.pace = IMPATIENT
    case = overdue(bench)
    case.happened = 5
    async with bench.running():
        await until_exact(bench)
        camunda.silent = True
        case.happens(99)
        await until(lambda: bench.stored(case).waits_since is not None)
        camunda.away = True
        await asyncio.sleep(2 * IMPATIENT.patience)
        camunda.away = False
        await asyncio.sleep(IMPATIENT.patience * 0.75)  # it has much to do, and hands out no job yet
        camunda.silent = False
        await until_exact(bench)
    assert len(camunda.of(case.id)) == 1


@pytest.fixture
async def opening(tmp_path: Path) -> AsyncIterator[Opening]:
    """A case whose first job was handed out to nobody yet."""
    camunda, store = MemoryCamunda(time.monotonic), Store(tmp_path / "mirror.sqlite")
    await deploy(camunda)
    id_ = await start(camunda)
    (job,) = camunda._open(["durable.step"], ["durableId", "mirrored"], 60.0)
    yield camunda, store, Case(id_, "prior-authorization"), job
    store.close()


def opened(*moves: Move, failed: frozenset[str] = frozenset()) -> Plan:
    return Plan(moves, failed, "code", "Running", None, {}, "")


OPENED = Move(Kind.JOB, "open-case")


async def test_a_job_whose_incident_was_cleared_may_be_told_late(opening: Opening) -> None:
    camunda, store, case, job = opening
    reconciler = Reconciler(camunda, store, time.time, 0.0)
    noted = await reconciler.arrived(case, job)
    assert noted is not None
    await camunda.fail(job.key, "code")
    await reconciler._clear(noted)
    await reconciler.arrived(case, job)
    assert [each.key for each in store.jobs(case.id) if each.state is JobState.OPEN] == []


async def test_a_job_completed_by_the_dead_is_not_shown_as_failed_from_an_older_read(opening: Opening) -> None:
    camunda, store, case, job = opening
    reconciler = Reconciler(camunda, store, time.time, 0.0)
    await reconciler.arrived(case, job)
    await camunda.complete(job.key, {"mirrored": 2})  # of which the store knows nothing
    await reconciler.advance(case, opened(failed=frozenset({"open-case"})))
    await reconciler.advance(case, opened(OPENED))
    assert case.cursor == 2


async def test_a_job_that_is_gone_casts_doubt_on_another_one_of_its_element(opening: Opening) -> None:
    """Two tokens may stand at one step: who completed the one must not complete the other for the same move."""
    camunda, store, case, job = opening
    reconciler = Reconciler(camunda, store, time.time, 60.0)
    await reconciler.arrived(case, job)
    other = replace(job, key=job.key + 1000)
    await reconciler.arrived(case, other)
    await camunda.complete(job.key, {"mirrored": 2})
    await reconciler.advance(case, opened(OPENED))
    assert store.job(other.key).state is JobState.DOUBTED  # type: ignore[union-attr]
    await reconciler.arrived(case, other)
    assert [each.key for each in reconciler.jobs.steps(case, job.element, [])] == [other.key]


async def test_time_in_which_no_job_could_have_come_ends_no_doubt(opening: Opening) -> None:
    camunda, store, case, job = opening
    now = [1000.0]
    reconciler = Reconciler(camunda, store, lambda: now[0], 10.0)
    await reconciler.arrived(case, job)
    await camunda.complete(job.key, {"mirrored": 2})
    await reconciler.advance(case, opened(OPENED))
    now[0] += 9
    reconciler.jobs.silent()
    now[0] += 9
    await reconciler.advance(case, opened(OPENED))
    again = Reconciler(camunda, store, lambda: now[0], 10.0)
    now[0] += 9
    await again.advance(case, opened(OPENED))
    assert case.cursor == 1
    now[0] += 1
    await again.advance(case, opened(OPENED))
    assert case.cursor == 2


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
