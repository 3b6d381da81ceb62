"""What may become of a durable instance besides going its way, and what persons may do in Camunda meanwhile."""

from __future__ import annotations

from random import Random

import pytest

from adapters.camunda.instance import STEP
from domain.process.seen import What
from mirror.deploy import Release
from mirror.reconcile import RUNS
from mirror.source import Step
from mirror.store import State
from tests.mirror.bench import IMPATIENT, Bench, add, until, until_exact
from tests.mirror.simulated import Simulated, simulated


def to_the_review(bench: Bench, number: int = 0) -> Simulated:
    """A case that waits for its reviewer."""
    for seed in range(100):
        case = simulated(f"appeal-{number}", "appeal", Random(seed))
        waits = [happened for happened, (step, _) in case.waits.items() if step == "clinical-review"]
        if waits and all(each.what is not What.FAILED for each in case.steps):
            case.happens(waits[0])
            return bench.source.add(case)
    raise AssertionError("no case waits for a reviewer")


def failing(bench: Bench) -> Simulated:
    """A case whose third step has failed."""
    case = to_the_review(bench)
    first = [step for step in case.steps if step.what is not What.EVENT][:5]
    case.steps = [*first, Step(what=What.FAILED, step=first[-1].step), *first[-1:], *case.steps[len(first) :]]
    case.waits, case.happened = {}, 6
    return case


async def test_a_failed_step_is_an_incident_until_it_is_done(bench: Bench) -> None:
    case = failing(bench)
    async with bench.running():
        await until(lambda: bool(bench.camunda.of(case.id)) and bench.shown(case).incidents == 1)
        failed = [each for each in bench.shown(case).standing if each.failed]
        assert [each.element for each in failed] == [case.steps[4].step]
        case.happens(2)
        await until_exact(bench)
        assert not any(each.failed for each in bench.shown(case).standing)


async def test_a_rewound_instance_has_no_incident(bench: Bench) -> None:
    case = failing(bench)
    case.runtime = "Failed"
    async with bench.running():
        await until(lambda: bool(bench.camunda.of(case.id)) and bench.shown(case).incidents == 1)
        del case.steps[4:6]  # the host takes the failed try out of the history
        case.runtime, case.happened = None, 4
        case.happens(0)
        await until(lambda: not any(each.failed for each in bench.shown(case).standing))
        case.happens(2)
        await until_exact(bench)


async def test_a_terminated_instance_is_cancelled_where_it_stands(bench: Bench) -> None:
    case = to_the_review(bench)
    async with bench.running():
        await until_exact(bench)
        case.runtime = "Terminated"
        case.happens(0)
        await until(lambda: bench.shown(case).cancelled)
    assert bench.stored(case).state is State.CLOSED


async def test_a_suspended_instance_is_shown_as_such_and_goes_on(bench: Bench) -> None:
    case = to_the_review(bench)
    async with bench.running():
        await until_exact(bench)
        case.runtime = "Suspended"
        case.happens(0)
        await until(lambda: bench.shown(case).game.variables.get("durable") == "Suspended")
        case.runtime = None
        case.happens(99)
        await until_exact(bench)


async def test_an_instance_that_goes_on_as_new_is_the_same_process_instance(bench: Bench) -> None:
    case = to_the_review(bench)
    async with bench.running():
        await until_exact(bench)
        case.begins, case.execution = case.happened, "2"
        case.happens(99)
        await until_exact(bench)
    assert len(bench.camunda.of(case.id)) == 1


async def test_an_instance_that_is_started_anew_is_another_process_instance(bench: Bench) -> None:
    case = to_the_review(bench)
    case.happens(99)
    async with bench.running():
        await until_exact(bench)
        case.steps = [
            Step(what=What.STARTED, step="open-case"),
            Step(what=What.COMPLETED, step="open-case", variables={"closed": True}),
            Step(what=What.ENDED),
        ]
        case.execution, case.waits = "2", {}
        case.happens(99)
        await until(lambda: len(bench.camunda.of(case.id)) == 2 and not bench.camunda.of(case.id)[1].active)
    assert bench.camunda.of(case.id)[1].game.path[-1] == "nothing-to-do"


async def test_an_instance_that_is_gone_is_ended(bench: Bench) -> None:
    case = to_the_review(bench)
    async with bench.running():
        await until_exact(bench)
        del bench.source.cases[case.id]
        await until(lambda: bench.shown(case).cancelled)


async def test_an_instance_that_somebody_cancels_is_shown_anew(bench: Bench) -> None:
    bench.pace = IMPATIENT
    case = to_the_review(bench)
    async with bench.running():
        await until_exact(bench)
        await bench.camunda.cancel(bench.shown(case).key)
        case.happens(99)
        await until(lambda: len(bench.camunda.of(case.id)) == 2 and not bench.camunda.of(case.id)[1].active)
    assert bench.camunda.of(case.id)[1].game.path[-1] == "closed"


async def test_an_instance_that_somebody_moves_by_hand_is_shown_anew(bench: Bench) -> None:
    bench.pace = IMPATIENT
    case = to_the_review(bench)
    async with bench.running():
        await until_exact(bench)
        its = bench.shown(case)
        review = next(each for each in its.standing if each.element == "clinical-review")
        await bench.camunda.move(its.key, review.key, "set-deadline", {})
        case.happens(99)
        await until(lambda: len(bench.camunda.of(case.id)) == 2 and not bench.camunda.of(case.id)[1].active)
    assert [each.cancelled for each in bench.camunda.of(case.id)] == [True, False]


async def test_who_takes_it_away_again_and_again_is_let_be(bench: Bench) -> None:
    case = to_the_review(bench)
    async with bench.running() as mirror:
        await until_exact(bench)
        for _ in range(RUNS):
            shown = bench.stored(case)
            assert shown.state is State.OPEN
            await mirror.reconciler.begin_anew(shown)
    assert bench.stored(case).state is State.LOST


async def test_a_case_that_leaves_its_model_is_told(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    case = to_the_review(bench)
    at = case.happened
    case.steps = [*case.steps[:at], Step(what=What.STARTED, step="close-case"), *case.steps[at:]]
    case.happens(99)
    async with bench.running():
        await until(lambda: bool(bench.camunda.of(case.id)) and bench.stored(case).state is State.DEVIATES)
    assert "close-case started; the model stands at" in str(bench.shown(case).game.variables["deviation"])
    assert f"case {case.id}: close-case started" in caplog.text


def newer(release: Release, version: str) -> Release:
    """The same model as another version, which begins otherwise for whoever looks at names."""
    text = release.text.replace(b'versionTag value="1.0.0"', f'versionTag value="{version}"'.encode())
    return Release(release.process, version, f"{release.process}-{version}.bpmn", text)


async def test_cases_keep_the_version_that_they_were_started_with(bench: Bench) -> None:
    old, new = add(bench, 1), add(bench, 3)
    new.version = "2.0.0"
    for case in (old, new):
        case.happens(5)
    async with bench.running():
        await until(lambda: len(bench.camunda.of(old.id)) == 1)
        await until(lambda: bench.stored(new).state is State.UNKNOWN)
        assert not bench.camunda.of(new.id)
    bench.releases = [*bench.releases, *(newer(each, "2.0.0") for each in bench.releases if each.process == "appeal")]
    late = add(bench, 5)
    for case in (old, new, late):
        case.happens(99)
    async with bench.running():
        await until_exact(bench)
    assert bench.shown(old).definition == bench.shown(late).definition != bench.shown(new).definition


async def test_a_model_is_deployed_once(bench: Bench) -> None:
    for _ in range(2):
        async with bench.running():
            pass
    assert bench.camunda.commands["deploy"] == len(bench.releases)


async def test_jobs_of_others_are_let_be(bench: Bench) -> None:
    case = to_the_review(bench)
    async with bench.running():
        await until_exact(bench)
    assert {each.kind for each in bench.shown(case).standing} <= {STEP, ""}
