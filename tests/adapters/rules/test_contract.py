"""What every ``Rules`` does, on the twin and on the real service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

import pytest

from adapters.rules.base import FiredRule, Rules
from adapters.rules.http import HttpRules
from adapters.rules.memory import Judgement, MemoryRules
from domain.errors import NotFound
from domain.facts import (
    Determination,
    DeterminationInput,
    DeterminationOutcome,
    Eligibility,
    EligibilityOutcome,
    EligibilityRequest,
    MemberMatch,
    RequirementKind,
)
from domain.json import Json
from tests.rules.service import RULESETS, Service, running

INPUT = DeterminationInput(
    eligibility=EligibilityOutcome.ELIGIBLE,
    requirement=RequirementKind.REQUIRED,
    met=2,
    unmet=0,
    unknown=0,
    information_requested=False,
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(RULESETS, tmp_path_factory.mktemp("rules") / "service.log") as started:
        yield started


def approve(facts: Mapping[str, Json]) -> Judgement:
    assert DeterminationInput.model_validate(facts) == INPUT
    rule = FiredRule(id="DET-08", text="Every criterion is met.")
    return Judgement({"Determination": {"outcome": "approve", "reason": "criteria-met"}}, (rule,))


def not_found(facts: Mapping[str, Json]) -> Judgement:
    assert set(facts) == {"Request", "Member"}
    rule = FiredRule(id="EL-10", text="No member of this plan carries the member number that was sent.")
    result = {"outcome": "ineligible", "rejectCode": "75", "coverage": None}
    return Judgement({"Eligibility": [result]}, (rule,))


def twin() -> MemoryRules:
    rules = MemoryRules()
    rules.register("determination", "1.0.0", approve)
    rules.register("eligibility", "1.0.0", not_found)
    return rules


@pytest.fixture(params=["memory", pytest.param("http", marks=pytest.mark.integration)])
async def rules(request: pytest.FixtureRequest) -> AsyncIterator[Rules]:
    made: Rules = twin() if request.param == "memory" else HttpRules(request.getfixturevalue("service").url)
    yield made
    await made.aclose()


async def test_is_ready_and_names_the_current_versions(rules: Rules) -> None:
    await rules.ready()
    current = await rules.current()
    assert current["determination"] == current["eligibility"] == "1.0.0"


async def test_judges_a_decision_table(rules: Rules) -> None:
    answer = await rules.evaluate("determination", "1.0.0", INPUT.model_dump(mode="json", by_alias=True))
    assert Determination.model_validate(answer.results["Determination"]).outcome is DeterminationOutcome.APPROVE
    assert [rule.id for rule in answer.fired] == ["DET-08"]
    assert answer.fired[0].text == "Every criterion is met."
    assert (answer.ruleset, answer.version, len(answer.content_hash)) == ("determination", "1.0.0", 64)


async def test_judges_facts(rules: Rules) -> None:
    request = EligibilityRequest.model_validate({"receivedOn": "2026-11-02"})
    facts = {
        "Request": request.model_dump(mode="json", by_alias=True),
        "Member": MemberMatch(matches=0).model_dump(mode="json", by_alias=True),
    }
    answer = await rules.evaluate("eligibility", "1.0.0", facts)
    (result,) = answer.results["Eligibility"]
    assert Eligibility.model_validate(result).reject_code == "75"
    assert answer.fired[-1].id == "EL-10"


@pytest.mark.parametrize(("ruleset", "version"), [("determination", "9.0.0"), ("nothing", "1.0.0")])
async def test_an_unknown_ruleset_or_version_is_not_found(rules: Rules, ruleset: str, version: str) -> None:
    with pytest.raises(NotFound) as error:
        await rules.evaluate(ruleset, version, {})
    assert error.value.code == "ruleset"
