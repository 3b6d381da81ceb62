"""The samples are what they say: valid FHIR, readable requests, known members, expectations that name what exists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from domain import fhir
from domain.cases import CaseState
from domain.codes import LINE_OF_BUSINESS, MEMBER_ID
from domain.decision import X12_REASONS
from domain.errors import Malformed
from domain.facts import LineOfBusiness
from domain.pas.member import coverage_fact
from domain.pas.request import parse
from domain.principal import Role
from domain.review_decision import item_decisions, parse_decision

SAMPLES = Path(__file__).parents[2] / "samples"
CASES = sorted((SAMPLES / "cases").glob("*.json"))
GOOD = [path for path in CASES if path.stem != "malformed"]
EXPECTED: list[dict[str, Any]] = json.loads((SAMPLES / "expected.json").read_text())


def members() -> Iterator[dict[str, Any]]:
    for path in sorted((SAMPLES / "members").glob("*.json")):
        for entry in json.loads(path.read_text())["entry"]:
            yield entry["resource"]


def test_the_payers_records_are_fhir_and_refer_to_each_other() -> None:
    resources = list(members())
    names = {fhir.name(resource) for resource in resources}
    assert len(names) == len(resources)
    for resource in resources:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        for _, element in fhir.walk(resource, ""):
            assert fhir.reference(element) in {None, *names}


def test_every_coverage_names_its_member_and_its_line_of_business() -> None:
    coverages = [resource for resource in members() if resource["resourceType"] == "Coverage"]
    assert len(coverages) >= 8
    for coverage in coverages:
        assert fhir.identifier(coverage, MEMBER_ID) == coverage["subscriberId"]
        assert coverage_fact(coverage).line_of_business in set(LineOfBusiness)
        assert fhir.code(coverage["type"], LINE_OF_BUSINESS)


def test_identities_have_known_roles_and_seeded_organizations() -> None:
    identities = json.loads((SAMPLES / "identities.json").read_text())
    organizations = {resource["id"] for resource in members() if resource["resourceType"] == "Organization"}
    by_role = {role: [i for i in identities if role in i["roles"]] for role in Role}
    assert all(set(identity["roles"]) <= set(Role) for identity in identities)
    assert {identity["claims"]["organization"] for identity in identities} <= organizations
    assert len({i["claims"]["organization"] for i in by_role[Role.SUBMITTER]}) == 2
    assert all(i["claims"]["npi"] and i["claims"]["specialty"] for i in by_role[Role.MEDICAL_DIRECTOR])
    assert len(by_role[Role.MEDICAL_DIRECTOR]) == 2


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_request_is_well_formed_and_of_one_business_key(path: Path) -> None:
    request = parse(path.read_bytes())
    assert request.member_id
    assert request.birth_date
    assert not request.is_update
    assert not request.submission.dangling
    assert request.bundle_identifier.value == f"{path.stem}-1"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_no_sample_holds_a_cpt_code_or_an_x12_descriptor(path: Path) -> None:
    for _, element in fhir.walk(json.loads(path.read_text()), ""):
        system = str(element.get("system", ""))
        assert "cpt" not in system.lower()
        assert "display" not in element
        if system.endswith("HCPCSReleaseCodeSets"):
            assert element["code"][0].isalpha()


def test_the_malformed_sample_has_the_problems_that_are_expected() -> None:
    expected = next(one for one in EXPECTED if one["case"] == "malformed")["expect"]["problems"]
    with pytest.raises(Malformed) as raised:
        parse((SAMPLES / "cases" / "malformed.json").read_bytes())
    assert sorted(problem.path for problem in raised.value.problems) == expected
    assert len(expected) == 9


def test_every_case_is_expected_once() -> None:
    assert {one["case"] for one in EXPECTED if "file" in one} == {path.stem for path in CASES}
    assert len({one["case"] for one in EXPECTED}) == len(EXPECTED)


@pytest.mark.parametrize("one", [e for e in EXPECTED if "actions" in e["expect"]], ids=lambda one: one["case"])
def test_the_steps_of_a_case_can_be_taken_and_lead_to_its_actions(one: dict[str, Any]) -> None:
    identities = {each["id"]: each for each in json.loads((SAMPLES / "identities.json").read_text())}
    expect = one["expect"]
    assert CaseState(expect["state"])
    assert set(expect["reasons"].values()) <= set(X12_REASONS.values())
    if "file" not in one or not one["steps"]:
        assert one["as"] in identities
        return
    claim = parse((SAMPLES / one["file"]).read_bytes()).claim
    for step in one["steps"]:
        items = item_decisions(parse_decision(step["decision"]), claim)
        roles = identities[step["as"]]["roles"]
        assert Role.MEDICAL_DIRECTOR in roles or not any(item.adverse for item in items)
        assert {str(item.sequence): item.action for item in items} == expect["actions"]
        assert {str(i.sequence): X12_REASONS[i.reason] for i in items if i.reason} == expect["reasons"]
