"""What scenarios alone do not show of medical necessity: that the workbook fits itself, and absent facts."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from openpyxl import load_workbook

from tests.rules.scenarios import Case, cases
from tests.rules.service import RULESETS, Service

PACKAGE = RULESETS / "medical-necessity" / "1.0.0"
COMPARATORS = {"at-least", "above", "at-most", "below", "is-true", "is-false", "diagnosis", "quantity-at-most"}
NAMES = {"Service": {"sequence"}, "Evidence": {"code", "source"}}
CASES = [case for case in cases() if case.ruleset == "medical-necessity"]


def rows(sheet: str) -> list[dict[str, str]]:
    """The data of a sheet by the labels of its columns."""
    table = list(load_workbook(PACKAGE / "criteria.drl.xlsx")[sheet].iter_rows(min_row=8, values_only=True))
    labels = [str(label) for label in table[0]]
    return [dict(zip(labels, row, strict=True)) for row in table[1:] if row[0]]


def test_a_code_is_listed_once() -> None:
    codes = [row["HCPCS code"] for row in rows("Codes")]
    assert len(codes) == len(set(codes))
    assert {row["Requirement"] for row in rows("Codes")} == {"required", "not-required"}


def test_the_codes_are_hcpcs_level_ii() -> None:
    for row in rows("Codes"):
        assert row["HCPCS code"][0].isalpha(), "CPT codes are licensed: they may not be in this repository"
        assert len(row["HCPCS code"]) == 5


def test_every_required_code_has_a_criterion_and_every_criterion_a_test() -> None:
    required = {row["HCPCS code"] for row in rows("Codes") if row["Requirement"] == "required"}
    assert {row["HCPCS code"] for row in rows("Criteria")} == required
    assert {row["Criterion"] for row in rows("Tests")} == {row["Id"] for row in rows("Criteria")}


def test_every_test_can_be_judged() -> None:
    known = {json.loads(path.read_text())["name"] for path in (PACKAGE / "valuesets").glob("*.json")}
    for row in rows("Tests"):
        assert row["Comparator"] in COMPARATORS, row
        numeric = row["Comparator"] in {"at-least", "above", "at-most", "below", "quantity-at-most"}
        assert (row["Threshold"] is not None) == numeric, row
        assert (row["Value set"] in known) == (row["Comparator"] == "diagnosis"), row
        assert row["Alternative"], row


def test_every_value_set_is_used() -> None:
    used = {row["Value set"] for row in rows("Tests")} - {None}
    assert used == {path.stem for path in (PACKAGE / "valuesets").glob("*.json")}


def test_every_criterion_is_seen_met_unmet_and_unknown() -> None:
    seen = {
        (finding["criterion"], finding["status"])
        for case in CASES
        for finding in case.scenario.expect.get("Finding", [])
    }
    wanted = {(row["Id"], status) for row in rows("Criteria") for status in ("met", "unmet", "unknown")}
    assert not wanted - seen


@pytest.mark.integration
@pytest.mark.parametrize("case", CASES, ids=str)
def test_taking_a_fact_away_never_meets_nor_fails_a_criterion(case: Case, rules_service: Service) -> None:
    """Each leaf of each scenario's facts becomes null: a finding may become unknown, and nothing else."""
    before = findings(rules_service, case.facts)
    for path, facts in without_one(case.facts):
        after = findings(rules_service, facts)
        for key, status in after.items():
            assert status in (before.get(key, status), "unknown"), f"{path} absent: {key} became {status}"


def findings(service: Service, facts: Any) -> dict[tuple[int, str], str]:
    results = service.judge("medical-necessity", "1.0.0", facts)["results"]
    return {(finding["sequence"], finding["criterion"]): finding["status"] for finding in results["Finding"]}


def without_one(facts: Any) -> Iterator[tuple[str, Any]]:
    """Copies of the facts, each with one field null; what names a thing stays."""
    for kind, listed in facts.items():
        for number, fact in enumerate(listed if isinstance(listed, list) else [listed]):
            for field in fact.keys() - NAMES[kind]:
                changed = copy.deepcopy(facts)
                target = changed[kind][number] if isinstance(listed, list) else changed[kind]
                target[field] = None
                yield f"{kind}[{number}].{field}", changed
