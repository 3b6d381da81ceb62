"""The models of ``domain/facts.py`` and the rulesets are one contract."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel

from domain.facts import (
    ClockInput,
    ClockPolicy,
    CoverageFact,
    Determination,
    DeterminationInput,
    Eligibility,
    EligibilityOutcome,
    EligibilityRequest,
    EvidenceFact,
    Finding,
    LineOfBusiness,
    MemberMatch,
    Requirement,
    RequirementKind,
    ServiceFact,
    Urgency,
)
from tests.rules.scenarios import Case, cases
from tests.rules.service import Service

pytestmark = pytest.mark.integration

RESULTS: dict[str, type[BaseModel]] = {
    "Eligibility": Eligibility,
    "Requirement": Requirement,
    "Finding": Finding,
    "Determination": Determination,
    "ClockPolicy": ClockPolicy,
}
DAY = date(2026, 11, 2)
LINE = LineOfBusiness.MEDICAID
FULL: dict[str, dict[str, BaseModel]] = {
    "eligibility": {
        "Request": EligibilityRequest(received_on=DAY, service_start=DAY, service_end=DAY),
        "Member": MemberMatch(matches=1, active=True, birth_date_agrees=True, deceased=False, deceased_on=DAY),
        "Coverage": CoverageFact(reference="Coverage/1", status="active", start=DAY, end=DAY, line_of_business=LINE),
    },
    "medical-necessity": {
        "Service": ServiceFact(
            sequence=1, system="s", code="c", quantity=1.5, service_on=DAY, diagnoses=("d",), line_of_business=LINE
        ),
        "Evidence": EvidenceFact(
            code="c", number=1.5, unit="u", boolean=True, coded="x", on=DAY, source="Observation/1"
        ),
    },
}


@pytest.mark.parametrize("case", cases(), ids=str)
def test_the_models_read_every_answer(case: Case, rules_service: Service) -> None:
    results = rules_service.judge(case.ruleset, case.version, case.facts)["results"]
    assert results
    for name, value in results.items():
        for each in value if isinstance(value, list) else [value]:
            RESULTS[name].model_validate(each)


@pytest.mark.parametrize("ruleset", FULL)
def test_the_rules_take_every_field_of_the_facts(ruleset: str, rules_service: Service) -> None:
    facts = FULL[ruleset]
    for model in facts.values():
        assert None not in model.model_dump().values(), "every field must be given for this test to say anything"
    rules_service.judge(ruleset, "1.0.0", {name: wire(model) for name, model in facts.items()})


@pytest.mark.parametrize("line", LineOfBusiness)
@pytest.mark.parametrize("urgency", Urgency)
@pytest.mark.parametrize("kind", ["initial", "appeal"])
@pytest.mark.parametrize("state", [None, "NY", "VA"])
def test_every_clock_has_a_policy(
    line: LineOfBusiness, urgency: Urgency, kind: str, state: str | None, rules_service: Service
) -> None:
    given = ClockInput(line_of_business=line, urgency=urgency, kind=kind, state=state)
    answer = rules_service.judge("clock-policy", "1.0.0", wire(given))
    policy = ClockPolicy.model_validate(answer["results"]["ClockPolicy"])
    assert [rule["id"] for rule in answer["fired"]] == [policy.row]
    assert policy.duration > 0


@pytest.mark.parametrize("eligibility", EligibilityOutcome)
@pytest.mark.parametrize("requirement", RequirementKind)
@pytest.mark.parametrize("counts", [(m, u, k) for m in (0, 2) for u in (0, 1) for k in (0, 3)])
@pytest.mark.parametrize("asked", [True, False])
def test_only_a_service_whose_criteria_are_all_met_is_approved(
    eligibility: EligibilityOutcome,
    requirement: RequirementKind,
    counts: tuple[int, int, int],
    asked: bool,
    rules_service: Service,
) -> None:
    met, unmet, unknown = counts
    given = DeterminationInput(
        eligibility=eligibility,
        requirement=requirement,
        met=met,
        unmet=unmet,
        unknown=unknown,
        information_requested=asked,
    )
    answer = rules_service.judge("determination", "1.0.0", wire(given))
    approved = Determination.model_validate(answer["results"]["Determination"]).outcome == "approve"
    assert approved == (
        eligibility is EligibilityOutcome.ELIGIBLE
        and requirement is RequirementKind.REQUIRED
        and met > 0
        and unmet == unknown == 0
    )


def wire(model: BaseModel) -> Any:
    return model.model_dump(mode="json", by_alias=True)
