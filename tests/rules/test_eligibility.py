"""Absent facts of eligibility: whatever the scenario, a fact that goes missing never makes a member in- or eligible."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.rules.scenarios import Case, cases
from tests.rules.service import Service

pytestmark = pytest.mark.integration

NEEDED = {"Member": ("matches", "active", "birthDateAgrees"), "Coverage": ("status", "start", "lineOfBusiness")}
CASES = [case for case in cases() if case.ruleset == "eligibility"]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_taking_a_needed_fact_away_leads_to_a_person(case: Case, rules_service: Service) -> None:
    before = outcome(rules_service, case.facts)
    for kind, fields in NEEDED.items():
        for number in range(len(listed(case.facts[kind]))):
            for field in fields:
                facts = copy.deepcopy(case.facts)
                listed(facts[kind])[number][field] = None
                after = outcome(rules_service, facts)
                assert after in (before, "unknown"), f"{kind}[{number}].{field} absent: {before} became {after}"


def listed(facts: Any) -> list[Any]:
    return facts if isinstance(facts, list) else [facts]


def outcome(service: Service, facts: Any) -> Any:
    (result,) = service.judge("eligibility", "1.0.0", facts)["results"]["Eligibility"]
    return result["outcome"]
