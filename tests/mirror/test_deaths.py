"""A mirror that dies at any command, on a machine that stalls, is told lies and reads what is old: both sides agree in
the end. Simulated to the clock, so that a seed that fails fails again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random
from typing import Final

import pytest

from adapters.camunda.memory import MemoryCamunda
from tests.mirror.bench import Bench, add
from tests.mirror.test_mirror import hints, live
from tests.mirror.virtual import Clock

SEEDS: Final = (*range(10), *(pytest.param(seed, marks=pytest.mark.fault) for seed in range(10, 400)))
MODULES: Final = ("mirror.mirror", "tests.mirror.simulated")
"""That look at the clock."""
LONGEST: Final = 600.0
"""Seconds of the simulation; most take 10 to 30."""
CASES: Final = 40


class Killed(BaseException):
    """The process ends here."""


class Mortal(MemoryCamunda):
    """Kills the mirror now and then, before a command is sent or after it was carried out. The dead send nothing."""

    def __init__(self, clock: Clock, random: Random, share: float) -> None:
        super().__init__(clock.monotonic, self._maybe)
        self.killed = asyncio.Event()
        self.kills = 0
        self._random, self._share = random, share

    def _maybe(self, command: str) -> None:
        if self.killed.is_set() or (command != "deploy" and self._random.random() < self._share):
            self._kill()

    def _kill(self) -> None:
        self.kills += not self.killed.is_set()
        self.killed.set()
        raise Killed

    def _correlate(self) -> None:  # the last thing that a command does
        super()._correlate()
        if self._random.random() < self._share:
            self._kill()


async def lives_again_and_again(bench: Bench, camunda: Mortal, clock: Clock, random: Random, seed: int) -> None:
    cases = [add(bench, number, seed) for number in range(CASES)]
    life = asyncio.create_task(live(bench, random, cases))
    while bench.differences() or not life.done():
        assert clock.monotonic() < LONGEST, bench.differences()
        camunda.killed.clear()
        async with bench.running() as mirror:
            hinting = asyncio.create_task(hints(mirror, random, cases))
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await camunda.killed.wait()
            hinting.cancel()
    assert camunda.kills > 2
    assert {len(camunda.of(case.id)) for case in cases} == {1}


@pytest.mark.parametrize("seed", SEEDS)
def test_kills_at_any_command_and_hints_that_lie(bench: Bench, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(seed)
    clock = Clock(stalls=Random(seed + 1), share=random.choice((0.0, 0.02, 0.1)))
    clock.rules(monkeypatch, *MODULES)
    camunda = bench.camunda = Mortal(clock, random, random.choice((0.01, 0.02, 0.04)))
    bench.source.stale = random
    clock.run(lives_again_and_again(bench, camunda, clock, random, seed % 5))
