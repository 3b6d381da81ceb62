"""What a request writes on arrival."""

from __future__ import annotations

from fhir.resources.R4B import get_fhir_model_class

from domain import fhir
from domain.case import resource_id
from domain.cases import CaseState, read_case
from domain.codes import PAS, SUBMITTED_REFERENCE, Action
from domain.facts import LineOfBusiness, Urgency
from domain.pas.intake import Submitter, intake
from domain.pas.member import PayerMatch
from tests.domain.pas.examples import MATCH, RECEIVED, needs_official, official, read, sample, taken_in


def types(written: dict[str, dict[str, object]]) -> list[str]:
    return sorted(name.split("/")[0] for name in written)


def test_everything_is_created_under_our_ids_and_nothing_overwrites() -> None:
    request = read(sample())
    case = request.key("lakeside-clinic").instance_id()
    record, writes = intake(request, case, RECEIVED, MATCH, Submitter(organization="lakeside-clinic"))
    assert all(write.if_none_exist for write in writes)
    submitted = {resource["id"] for _, resource in request.submission.resources()}
    assert not submitted & {write.resource["id"] for write in writes}
    assert writes[-1].url == record.reference
    again = intake(request, case, RECEIVED, MATCH, Submitter(organization="lakeside-clinic"))
    assert [write.resource for write in again[1]] == [write.resource for write in writes]
    for write in writes:
        get_fhir_model_class(write.resource["resourceType"]).model_validate(write.resource)


def test_another_submitter_of_the_same_bundle_has_another_case() -> None:
    request = read(sample())
    assert request.key("a").instance_id() != request.key("b").instance_id()


def test_the_bundle_is_kept_as_it_came() -> None:
    record, written = taken_in(sample())
    assert {**written[record.bundle], "id": "approved-at-once"} == sample()


def test_a_matched_member_is_the_payers_own() -> None:
    record, written = taken_in(sample())
    claim = written[record.claim]
    assert claim["patient"]["reference"] == "Patient/member-ash"
    assert claim["insurance"][0]["coverage"]["reference"] == "Coverage/coverage-ash"
    assert claim["insurer"]["reference"] == "Organization/payer"
    assert types(written) == [
        "Bundle",
        "Claim",
        "ClaimResponse",
        "Observation",
        "Organization",
        "Practitioner",
        "PractitionerRole",
        "QuestionnaireResponse",
        "Task",
    ]
    observation = next(r for name, r in written.items() if name.startswith("Observation/"))
    assert observation["subject"]["reference"] == "Patient/member-ash"


def test_an_unmatched_member_is_stored_apart() -> None:
    record, written = taken_in(sample(), PayerMatch())
    claim = written[record.claim]
    assert claim["patient"]["reference"] in written
    assert claim["insurance"][0]["coverage"]["reference"] in written
    assert record.patient is None
    assert record.member_matches == 0


def test_every_reference_of_what_is_stored_is_ours_or_the_payers() -> None:
    own = {MATCH.patient, MATCH.coverage, MATCH.insurer}
    for payer in (MATCH, PayerMatch()):
        _, written = taken_in(sample(), payer)
        for name, resource in written.items():
            if name.startswith("Bundle/"):
                continue
            for _, element in fhir.walk(resource, ""):
                reference = fhir.reference(element)
                assert reference is None or reference in written or reference in own


def test_references_in_extensions_and_to_contained_resources() -> None:
    bundle = sample()
    claim = bundle["entry"][0]["resource"]
    claim["contained"] = [{"resourceType": "Location", "id": "home", "managingOrganization": claim["provider"]}]
    claim["item"][0]["locationReference"] = {"reference": "#home"}
    del claim["item"][0]["locationCodeableConcept"]
    url = PAS + "extension-requestedService"
    claim["item"][0]["extension"].append({"url": url, "valueReference": {"reference": "Observation/sleep-study"}})
    record, written = taken_in(bundle)
    stored = written[record.claim]
    assert stored["item"][0]["locationReference"] == {"reference": "#home"}
    assert stored["contained"][0]["managingOrganization"]["reference"] in written
    assert fhir.extension_value(stored["item"][0], url)["reference"] in written


def test_server_metadata_of_the_submitter_is_not_taken_over() -> None:
    bundle = sample()
    claim = bundle["entry"][0]["resource"]
    claim["meta"] |= {"versionId": "7", "lastUpdated": "2020-01-01T00:00:00Z", "tag": [{"code": "x"}]}
    record, written = taken_in(bundle)
    assert written[record.claim]["meta"] == {"profile": [PAS + "profile-claim"]}


def test_a_reference_that_resolves_nowhere_becomes_a_logical_one() -> None:
    bundle = sample()
    role = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "PractitionerRole")
    role["practitioner"] = {"reference": "Practitioner/nurse-rivera", "display": "x"}
    _, written = taken_in(bundle)
    stored = next(r for name, r in written.items() if name.startswith("PractitionerRole/"))
    assert stored["practitioner"] == {
        "identifier": {"system": SUBMITTED_REFERENCE, "value": "Practitioner/nurse-rivera"},
        "display": "x",
    }


def test_the_answer_is_pended_under_the_tracking_number() -> None:
    record, written = taken_in(sample("authorization-not-required"))
    response = written[record.response]
    assert response["outcome"] == "complete"
    assert [item["itemSequence"] for item in response["item"]] == [1, 2]
    for item in response["item"]:
        number = fhir.extension_value(item, PAS + "extension-administrationReferenceNumber")
        assert number == record.tracking_number
        review = item["adjudication"][0]["extension"][0]
        action = fhir.extension_value(review, PAS + "extension-reviewActionCode")
        assert action["coding"][0]["code"] == Action.PENDED


def test_the_record_says_what_is_known() -> None:
    payer = MATCH.model_copy(update={"line_of_business": LineOfBusiness.MEDICAID, "birth_date_agrees": False})
    record, written = taken_in(sample("approved-expedited"), payer)
    assert record.state is CaseState.RECEIVED
    assert record.urgency is Urgency.EXPEDITED
    assert record.line_of_business is LineOfBusiness.MEDICAID
    assert record.birth_date_agrees is False
    assert record.received_at == RECEIVED
    assert record.zone == "America/New_York"
    assert [name.split("/")[0] for name in record.evidence] == ["Observation"]
    assert record.claim == f"Claim/{resource_id(record.id, 'claim')}"
    assert read_case(written[record.reference]) == record


@needs_official
def test_the_official_surgical_request_is_taken_in_without_its_dangling_references() -> None:
    _, written = taken_in(official("Bundle-SurgicalRequestBundleExample"))
    role = next(r for name, r in written.items() if name.startswith("PractitionerRole/"))
    assert role["practitioner"]["identifier"]["system"] == SUBMITTED_REFERENCE
    assert "reference" not in role["location"][0]
