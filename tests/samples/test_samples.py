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
from domain.events.cloud_event import read_data
from domain.events.data import Requested
from domain.facts import LineOfBusiness
from domain.information import attachments, tracking_of
from domain.pas.member import coverage_fact
from domain.pas.request import parse
from domain.principal import Role
from domain.review_decision import item_decisions, parse_decision
from samples.arrivals import content
from settings import Settings

SAMPLES = Path(__file__).parents[2] / "samples"
CASES = sorted((SAMPLES / "cases").glob("*.json"))
GOOD = [path for path in CASES if path.stem != "malformed"]
GOOD_FILES = {f"cases/{path.name}" for path in GOOD}
EXPECTED: list[dict[str, Any]] = json.loads((SAMPLES / "expected.json").read_text())
ARRIVING: list[dict[str, Any]] = json.loads((SAMPLES / "events.json").read_text())
REQUESTED = [one for one in ARRIVING if "file" in one]
SOURCES = Settings(event_sources=json.loads((SAMPLES / "event-sources.json").read_text())).event_sources


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


def test_people_of_tasklist_are_those_who_sign_in_here() -> None:
    people = json.loads((SAMPLES / "tasklist-people.json").read_text())
    identities = {each["id"]: each for each in json.loads((SAMPLES / "identities.json").read_text())}
    for person in Settings(tasklist_people=people).tasklist_people.values():
        given = identities[person.id]
        assert person.roles == set(given["roles"])
        assert person.model_dump(include=set(given["claims"])) == given["claims"]
    assert set(people) == {"demo"}, "the user that a local Camunda has"


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
    named = {one["file"] for one in (*EXPECTED, *REQUESTED) if "file" in one}
    assert named == {f"cases/{path.name}" for path in CASES}
    assert len({one["case"] for one in (*EXPECTED, *ARRIVING)}) == len(EXPECTED) + len(ARRIVING)


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


@pytest.mark.parametrize("one", ARRIVING, ids=lambda one: one["case"])
def test_those_who_say_what_happened_may_say_it(one: dict[str, Any]) -> None:
    said: list[tuple[str, Role | None]] = [(one["event"]["source"], Role.SUBMITTER)]
    roles = {"decision": Role.MEDICAL_DIRECTOR, "attachment": Role.SUBMITTER, "coverage": None}
    said += [(step.get("source", one["event"]["source"]), roles[step["event"]]) for step in one["steps"]]
    assert all(role is None or role in SOURCES[source].roles for source, role in said)
    if "organization" in one["event"]:
        assert one["event"]["organization"] in SOURCES[one["event"]["source"]].organizations


def test_a_request_that_comes_as_event_is_a_case_of_its_own_unless_it_is_the_same_request() -> None:
    requests = [parse((SAMPLES / one["file"]).read_bytes()) for one in EXPECTED if one.get("file") in GOOD_FILES]
    by_http = {request.key("lakeside-clinic").instance_id() for request in requests}
    by_event = {one["case"]: parse(content(one)).key("lakeside-clinic").instance_id() for one in REQUESTED}
    assert len(set(by_event.values())) == len(by_event)
    assert [name for name, case in by_event.items() if case in by_http] == ["event-same-request-as-http"]


def test_the_steps_that_come_as_events_lead_to_their_actions() -> None:
    steps = [(one, step) for one in REQUESTED for step in one["steps"]]
    assert {step["event"] for _, step in steps} == {"decision", "attachment", "coverage"}
    for one, step in steps:
        if step["event"] == "decision":
            items = item_decisions(parse_decision(step["decision"]), parse(content(one)).claim)
            assert {str(item.sequence): item.action for item in items} == one["expect"]["actions"]
            reviewer = SOURCES[step["source"]]
            assert one["expect"]["reviewer"] == {"npi": reviewer.npi, "specialty": reviewer.specialty}
        elif step["event"] == "attachment":
            parameters = json.loads((SAMPLES / step["file"]).read_text())
            (resource,) = attachments(parameters)
            get_fhir_model_class(resource["resourceType"]).model_validate(resource)
            assert tracking_of(parameters)
        else:
            others = {parse(path.read_bytes()).member_id for path in GOOD if f"cases/{path.name}" != one["file"]}
            (coverage,) = [each for each in members() if fhir.name(each) == step["coverage"]]
            assert coverage["subscriberId"] == parse(content(one)).member_id
            assert coverage["subscriberId"] not in others, "only its own case is told"


def test_the_poison_is_what_its_reason_says() -> None:
    (poison,) = [one for one in ARRIVING if "content" in one["event"]]
    with pytest.raises(Malformed) as raised:
        read_data(json.dumps(poison["event"]["content"]).encode(), Requested)
    assert raised.value.code == poison["expect"]["reason"]
