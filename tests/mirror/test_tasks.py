"""Reviews that persons complete in Tasklist: taken, refused, given back, told; and races with the portal."""

from __future__ import annotations

import pytest

from adapters.camunda.memory import MemoryCamunda
from mirror.source import Answer
from tests.mirror.bench import Bench, until, until_exact
from tests.mirror.test_states import to_the_review

FORM = {"decision": "approve"}


def notices(camunda: MemoryCamunda) -> list[tuple[str, str]]:
    """Whom Camunda tells of a decision that was not taken, and why."""
    told = [each for each in camunda.instances.values() if "person" in each.game.variables]
    return [(str(each.game.variables["person"]), str(each.game.variables["code"])) for each in told]


async def test_a_decision_made_in_tasklist_drives_the_case(bench: Bench) -> None:
    case = to_the_review(bench)
    task = case.waits[case.happened][1]
    async with bench.running():
        await until_exact(bench)
        bench.camunda.finish(bench.shown(case).key, "clinical-review", "demo", FORM)
        await until(lambda: bool(bench.source.decisions))
        (decided,) = bench.source.decisions
        assert (decided[0], decided[1], decided[3]) == (task, "demo", {"decision": "approve"})
        assert any(each.finished_by for each in bench.shown(case).standing), "the token waits for durable history"
        case.happens(99)
        await until_exact(bench)
    assert "reviewed" in bench.shown(case).game.path
    assert notices(bench.camunda) == []
    assert len(bench.source.decisions) == 1


async def test_a_refused_decision_gives_the_task_back_and_is_told(bench: Bench) -> None:
    case = to_the_review(bench)
    bench.source.answer = Answer(False, "medical-director")
    async with bench.running():
        await until_exact(bench)
        bench.camunda.finish(bench.shown(case).key, "clinical-review", "demo", {"decision": "approve"})
        await until(lambda: notices(bench.camunda) == [("demo", "medical-director")])
        await until(lambda: bench.shown(case).game.variables["refused"] == "medical-director")
        assert not any(each.finished_by for each in bench.shown(case).standing), "it is open again"
        bench.source.answer = Answer(True)
        bench.camunda.finish(bench.shown(case).key, "clinical-review", "chen", FORM)
        await until(lambda: len(bench.source.decisions) == 2)
        case.happens(99)
        await until_exact(bench)
    assert bench.source.decisions[0][2] != bench.source.decisions[1][2], "another completion has another mark"


async def test_a_form_that_says_nothing_is_refused_without_asking(bench: Bench) -> None:
    case = to_the_review(bench)
    async with bench.running():
        await until_exact(bench)
        bench.camunda.finish(bench.shown(case).key, "clinical-review", "demo", {"decision": "perhaps"})
        await until(lambda: notices(bench.camunda) == [("demo", "form-decision")])
    assert bench.source.decisions == []


async def test_a_review_that_was_decided_elsewhere_is_over(bench: Bench) -> None:
    case = to_the_review(bench)
    async with bench.running():
        await until_exact(bench)
        case.happens(99)
        await until_exact(bench)
    assert "decided-elsewhere" in bench.shown(case).game.path


@pytest.mark.parametrize("known", [True, False])
async def test_who_completes_what_was_decided_a_moment_before_is_told(bench: Bench, known: bool) -> None:
    """``known``: whether the mirror has seen already, when the person completes, that it was decided elsewhere."""
    case = to_the_review(bench)
    bench.source.answer = Answer(False, "finished")
    async with bench.running() as mirror:
        await until_exact(bench)
        case.happens(99)
        if known:
            publish = bench.camunda.publish

            async def meanwhile(message: object) -> bool:
                bench.camunda.publish = publish  # type: ignore[method-assign]
                bench.camunda.finish(bench.shown(case).key, "clinical-review", "demo", FORM)
                return await publish(message)  # type: ignore[arg-type]

            bench.camunda.publish = meanwhile  # type: ignore[method-assign]
        else:
            bench.camunda.finish(bench.shown(case).key, "clinical-review", "demo", FORM)
        mirror.hint(case.id)
        await until(lambda: notices(bench.camunda) == [("demo", "finished")])
        await until_exact(bench)


async def test_a_decision_is_brought_when_the_engine_is_back(bench: Bench) -> None:
    case = to_the_review(bench)
    async with bench.running():
        await until_exact(bench)
        bench.source.away = True
        bench.camunda.finish(bench.shown(case).key, "clinical-review", "demo", FORM)
        await until(lambda: bench.source.in_vain > 0)
    bench.source.away = False
    async with bench.running():
        await until(lambda: len(bench.source.decisions) == 1)
        case.happens(99)
        await until_exact(bench)


async def test_a_decision_of_nobody_known_is_given_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    case = to_the_review(bench)
    monkeypatch.setattr("mirror.tasks.PATIENCE", 0.0)

    async def nobody(instance: int, element_instance: int) -> str | None:
        return None

    bench.camunda.completed = nobody  # type: ignore[method-assign]
    async with bench.running():
        await until_exact(bench)
        bench.camunda.finish(bench.shown(case).key, "clinical-review", "demo", FORM)
        await until(lambda: bench.shown(case).game.variables["refused"] == "unknown-person")
    assert bench.source.decisions == []
