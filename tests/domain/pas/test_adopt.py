"""What a submitter sends, as we store it."""

from __future__ import annotations

from typing import Any

import pytest

from domain.codes import CASE_ID, ENGINE, MEMBER_ID, SUBMITTED_REFERENCE
from domain.pas.adopt import EVIDENCE, STORED, adopt, logical
from domain.pas.member import PayerMatch, member_numbers
from tests.domain.pas.examples import needs_official, official, sample, taken_in

OURS = ["Task", "Subscription", "AuditEvent", "Communication", "CommunicationRequest", "ClaimResponse", "Bundle",
        "InsurancePlan", "CarePlan", "Consent", "SearchParameter", "Provenance"]  # fmt: skip


def coverage(**changes: Any) -> dict[str, Any]:
    return {"resourceType": "Coverage", "id": "theirs"} | changes


@pytest.mark.parametrize("kind", OURS)
def test_what_only_the_engine_or_the_payer_writes_is_not_stored(kind: str) -> None:
    assert kind not in STORED


def test_evidence_is_stored() -> None:
    assert set(EVIDENCE) <= STORED


@pytest.mark.parametrize(
    "system", [MEMBER_ID, CASE_ID, ENGINE + "organization", f" {MEMBER_ID}", f"{MEMBER_ID}\t", MEMBER_ID.upper()]
)
def test_identifiers_of_our_systems_are_taken_away(system: str) -> None:
    theirs = {"system": "urn:theirs", "value": "1"}
    stored = adopt(coverage(identifier=[{"system": system, "value": "M1"}, theirs, {"value": "2"}]), "ours", logical)
    assert stored["identifier"] == [theirs, {"value": "2"}]
    assert not member_numbers(stored)


def test_an_only_identifier_may_be_taken_away() -> None:
    assert "identifier" not in adopt(coverage(identifier=[{"system": MEMBER_ID, "value": "M1"}]), "ours", logical)
    answers = {"resourceType": "QuestionnaireResponse", "id": "a", "identifier": {"system": CASE_ID, "value": "x"}}
    assert "identifier" not in adopt(answers, "ours", logical)
    answers["identifier"] = {"system": "urn:theirs", "value": "x"}
    assert adopt(answers, "ours", logical)["identifier"] == {"system": "urn:theirs", "value": "x"}


def test_of_meta_profiles_and_confidentiality_stay() -> None:
    kept = {"profile": ["urn:p"], "security": [{"code": "R"}]}
    said = coverage(meta={**kept, "tag": [{"code": "own"}], "source": "payer", "versionId": "9", "lastUpdated": "x"})
    assert adopt(said, "ours", logical) == {"resourceType": "Coverage", "id": "ours", "meta": kept}


def test_references_are_given_anew_and_the_argument_is_left_alone() -> None:
    said = coverage(payor=[{"reference": "Organization/payer", "display": "x"}], subscriber={"reference": "#in"})
    stored = adopt(said, "ours", logical)
    identifier = {"system": SUBMITTED_REFERENCE, "value": "Organization/payer"}
    assert stored["payor"] == [{"identifier": identifier, "display": "x"}]
    assert stored["subscriber"] == {"reference": "#in"}
    assert said["payor"][0]["reference"] == "Organization/payer"


def test_a_reference_to_an_entry_that_is_not_stored_becomes_a_logical_one() -> None:
    bundle = sample()
    task = {"resourceType": "Task", "id": "t", "status": "requested", "intent": "order"}
    bundle["entry"].append({"fullUrl": "http://lakeside.example.org/fhir/Task/t", "resource": task})
    observation = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Observation")
    observation["partOf"] = [{"reference": "http://lakeside.example.org/fhir/Task/t"}]
    record, written = taken_in(bundle)
    assert [name for name in written if name.startswith("Task/")] == [record.reference]
    stored = next(resource for name, resource in written.items() if name.startswith("Observation/"))
    assert stored["partOf"] == [logical("http://lakeside.example.org/fhir/Task/t")]


def test_an_unmatched_member_is_stored_without_a_number_of_the_payer() -> None:
    bundle = sample()
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] in ("Patient", "Coverage"):
            entry["resource"]["identifier"] = [{"system": MEMBER_ID, "value": "M1"}]
    _, written = taken_in(bundle, PayerMatch())
    kinds = {name.split("/")[0]: resource for name, resource in written.items()}
    assert "identifier" not in kinds["Patient"] | kinds["Coverage"]
    assert str(written).count(MEMBER_ID) == str(kinds["Bundle"]).count(MEMBER_ID) == 2


@needs_official
@pytest.mark.parametrize(
    "name", ["ReferralAuthorization", "HomecareAuthorization", "MedicalServicesAuthorization", "SurgicalRequest"]
)
def test_every_type_of_the_official_requests_is_stored(name: str) -> None:
    bundle = official(f"Bundle-{name}BundleExample")
    assert {entry["resource"]["resourceType"] for entry in bundle["entry"]} <= STORED
