"""The mirror over a Camunda in memory: whatever is lost, late, doubled or killed, both show the same in the end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

from mirror.mirror import Mirror
from mirror.store import State, Store
from tests.mirror.bench import Bench, add, until_exact
from tests.mirror.simulated import Simulated


async def test_cases_that_have_ended_are_shown_to_their_end(bench: Bench) -> None:
    for number in range(40):
        case = add(bench, number)
        case.happens(len(case.steps))
    async with bench.running():
        await until_exact(bench)
    store = Store(bench.path)
    assert set(store.counts()) <= {State.CLOSED, State.OPEN}
    store.close()


async def test_each_state_of_a_case_is_shown(bench: Bench) -> None:
    cases = [add(bench, number) for number in range(12)]
    async with bench.running() as mirror:
        while not all(case.ended for case in cases):
            for case in cases:
                if not case.ended:
                    case.happens()
                    mirror.hint(case.id)
            await until_exact(bench)


async def live(bench: Bench, random: Random, cases: list[Simulated]) -> None:
    """All cases happen, told by hints that are lost, doubled and out of order."""
    while not all(case.ended for case in cases):
        case = random.choice([case for case in cases if not case.ended])
        case.happens(random.randint(1, 4))
        await asyncio.sleep(0)
        if random.random() < 0.01:
            await asyncio.sleep(0.05)


async def hints(mirror: Mirror, random: Random, cases: list[Simulated]) -> None:
    while True:
        for case in random.sample(cases, len(cases) // 2):
            for _ in range(random.choice((0, 1, 1, 2))):
                mirror.hint(case.id)
        await asyncio.sleep(0.05)


async def test_a_second_mirror_changes_nothing(bench: Bench, tmp_path: Path) -> None:
    cases = [add(bench, number, 7) for number in range(24)]
    other = Bench(bench.source, bench.camunda, tmp_path / "other.sqlite")
    async with bench.running() as one, other.running() as two:
        random = Random(7)
        life = asyncio.create_task(live(bench, random, cases))
        hinting = [asyncio.create_task(hints(mirror, random, cases)) for mirror in (one, two)]
        await life
        await until_exact(bench, 60)
        for task in hinting:
            task.cancel()
    assert {len(bench.camunda.of(case.id)) for case in cases} == {1}


async def test_camunda_that_is_away_holds_nothing_up_and_is_caught_up_with(bench: Bench) -> None:
    cases = [add(bench, number, 3) for number in range(20)]
    async with bench.running() as mirror:
        await asyncio.sleep(0.3)
        bench.camunda.away = True
        await live(bench, Random(3), cases)
        for case in cases:
            mirror.hint(case.id)
        await asyncio.sleep(0.5)
        assert bench.differences()
        bench.camunda.away = False
        await until_exact(bench)
    assert {len(bench.camunda.of(case.id)) for case in cases} == {1}
