"""ClaimResponses of every state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from domain import fhir
from domain.codes import LOINC, NPI, NUCC, PAS, X12_ACTION, X12_FOLLOW_UP, X12_REASON, X12_REJECT, Action, FollowUp
from domain.decision import DenialReason, ItemDecision
from domain.pas.response import (
    ResponseError,
    Reviewer,
    answers,
    authorization_number,
    authorized_providers,
    claim_response,
    communication_request,
    pended,
)
from domain.pas.response_bundle import response_bundle
from tests.domain.pas.examples import RECEIVED, sample, taken_in

ON = date(2026, 11, 24)


def decided(*decisions: ItemDecision, name: str = "approved-at-once", **options: Any) -> dict[str, Any]:
    """The ClaimResponse to a sample after ``decisions``; it is valid FHIR."""
    record, written = taken_in(sample(name))
    claim = written[record.claim]
    notes = options.pop("notes", None)
    items = answers(
        decisions, tracking=record.tracking_number, authorization=authorization_number(record.id), on=ON, notes=notes
    )
    response = claim_response(record.id, claim, items, created=RECEIVED, **options)
    get_fhir_model_class("ClaimResponse").model_validate(response)
    return response


def review(item: dict[str, Any]) -> dict[str, Any]:
    """Action, number and reasons of an item or addItem."""
    (adjudication,) = item["adjudication"]
    assert fhir.code(adjudication["category"], "http://terminology.hl7.org/CodeSystem/adjudication") == "submitted"
    (found,) = fhir.extensions(adjudication, PAS + "extension-reviewAction")
    return {
        "action": fhir.code(fhir.extension_value(found, PAS + "extension-reviewActionCode"), X12_ACTION),
        "number": fhir.extension_value(found, "number"),
        "reason": fhir.code(fhir.extension_value(found, "reasonCode"), X12_REASON),
    }


def values(item: dict[str, Any], names: Sequence[str]) -> list[Any]:
    return [fhir.extension_value(item, f"{PAS}extension-{name}") for name in names]


def test_approved() -> None:
    response = decided(ItemDecision(sequence=1, action=Action.CERTIFIED), reviewer=Reviewer(human=False))
    (item,) = response["item"]
    number = response["preAuthRef"]
    assert review(item) == {"action": "A1", "number": number, "reason": None}
    issued, period, asked = values(item, ["itemPreAuthIssueDate", "itemPreAuthPeriod", "itemRequestedServiceDate"])
    assert (issued, asked) == ("2026-11-24", "2026-12-01")
    assert period == {"start": "2026-12-01", "end": "2027-03-01"}
    assert fhir.extension_value(item, PAS + "extension-itemTraceNumber")["value"] == "approved-at-once-1"
    (detail,) = fhir.extensions(item, PAS + "extension-itemAuthorizedDetail")
    assert fhir.extension_value(detail, "productOrServiceCode")["coding"][0]["code"] == "E0601"
    assert response["outcome"] == "complete"
    assert "processNote" not in response
    assert response["extension"][0]["extension"] == [{"url": "wasHumanReviewedFlag", "valueBoolean": False}]


def test_the_reviewer_chooses_the_period() -> None:
    decision = ItemDecision(sequence=1, action=Action.CERTIFIED, start=date(2027, 1, 1), end=date(2027, 3, 31))
    (item,) = decided(decision)["item"]
    assert values(item, ["itemPreAuthPeriod"]) == [{"start": "2027-01-01", "end": "2027-03-31"}]


def test_the_requested_period_is_authorized() -> None:
    (item,) = decided(ItemDecision(sequence=1, action=Action.CERTIFIED), name="pended-then-approved")["item"]
    requested, authorized = values(item, ["itemRequestedServiceDate", "itemPreAuthPeriod"])
    assert requested == authorized == {"start": "2026-12-01", "end": "2027-02-28"}


def test_not_required() -> None:
    decisions = [ItemDecision(sequence=n, action=Action.NO_ACTION_REQUIRED) for n in (1, 2)]
    response = decided(*decisions, name="authorization-not-required")
    assert [review(item) for item in response["item"]] == [{"action": "NA", "number": None, "reason": None}] * 2
    assert "preAuthRef" not in response


def test_denied_with_reason_note_and_reviewer() -> None:
    response = decided(
        ItemDecision(sequence=1, action=Action.NOT_CERTIFIED, reason=DenialReason.NOT_NECESSARY),
        notes={1: "why, in words"},
        reviewer=Reviewer(human=True, npi="1999001021", specialty="207RP1001X"),
    )
    (item,) = response["item"]
    assert review(item) == {"action": "A3", "number": None, "reason": "0F"}
    assert item["noteNumber"] == [1]
    assert response["processNote"] == [{"number": 1, "type": "display", "text": "why, in words"}]
    assert response["extension"] == [
        {
            "url": PAS + "extension-claimResponseReviewer",
            "extension": [
                {"url": "wasHumanReviewedFlag", "valueBoolean": True},
                {"url": "reviewerNPI", "valueIdentifier": {"system": NPI, "value": "1999001021"}},
                {"url": "reviewerSpecialty", "valueCodeableConcept": fhir.concept(NUCC, "207RP1001X")},
            ],
        }
    ]


@pytest.mark.parametrize("reason", list(DenialReason))
def test_a_denial_is_never_without_a_specific_reason(reason: DenialReason) -> None:
    response = decided(ItemDecision(sequence=1, action=Action.NOT_CERTIFIED, reason=reason))
    assert review(response["item"][0])["reason"]
    assert len(response["processNote"][0]["text"]) > 40


def test_modified_is_a6_with_what_is_authorized_in_an_added_item() -> None:
    """spec-36, spec-37."""
    decision = ItemDecision(sequence=1, action=Action.MODIFIED, reason=DenialReason.CRITERIA_NOT_MET, quantity=3)
    response = decided(decision, name="modified-by-medical-director")
    (item,), (added,) = response["item"], response["addItem"]
    number = response["preAuthRef"]
    assert review(item) == {"action": "A6", "number": number, "reason": "0F"}
    assert review(added) == {"action": "A1", "number": number, "reason": None}
    assert added["itemSequence"] == [1]
    assert added["quantity"] == {"value": 3}
    assert added["productOrService"]["coding"][0]["code"] == "A4239"


def test_information_requested() -> None:
    record, written = taken_in(sample("information-requested"))
    claim = written[record.claim]
    request = communication_request(record.id, 1, 1, "59408-5", claim)
    get_fhir_model_class("CommunicationRequest").model_validate(request)
    items = pended(claim, record.tracking_number)
    response = claim_response(record.id, claim, items, created=RECEIVED, requests=[request])
    assert request["payload"] == [{"contentString": "59408-5"}]
    assert fhir.extension_value(request, PAS + "extension-serviceLineNumber") == 1
    assert response["communicationRequest"] == [{"reference": f"CommunicationRequest/{request['id']}"}]
    assert review(response["item"][0])["action"] == "A4"
    assert LOINC not in str(request["payload"])
    assert communication_request(record.id, 2, 1, "59408-5", claim)["id"] != request["id"]


def test_every_reference_of_an_answer_with_questions_resolves_in_it() -> None:
    record, written = taken_in(sample("information-requested"))
    claim = written[record.claim]
    request = communication_request(record.id, 1, 1, "59408-5", claim)
    items = pended(claim, record.tracking_number)
    response = claim_response(record.id, claim, items, created=RECEIVED, requests=[request])
    base = "https://payer.example.org/fhir"
    bundle = response_bundle(record.id, response, written[record.bundle], base, RECEIVED, [request])
    get_fhir_model_class("Bundle").model_validate(bundle)
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    assert bundle["entry"][1]["resource"]["resourceType"] == "CommunicationRequest"
    for entry in bundle["entry"]:
        for _, element in fhir.walk(entry["resource"], ""):
            reference = fhir.reference(element)
            assert reference is None or {reference, f"{entry['fullUrl'].rsplit('/', 2)[0]}/{reference}"} & urls


def test_errors() -> None:
    record, written = taken_in(sample())
    error = ResponseError(code="75", path="Bundle.entry[3].resource", element="2010C-NM109", follow_up=FollowUp.CORRECT)
    items = pended(written[record.claim], "x")
    response = claim_response(record.id, written[record.claim], items, created=RECEIVED, errors=[error])
    get_fhir_model_class("ClaimResponse").model_validate(response)
    assert response["outcome"] == "error"
    assert "item" not in response
    (told,) = response["error"]
    assert fhir.code(told["code"], X12_REJECT) == "75"
    assert values(told, ["errorPath"]) == ["Bundle.entry[3].resource"]
    assert fhir.code(values(told, ["errorFollowupAction"])[0], X12_FOLLOW_UP) == "C"
    (element,) = fhir.extensions(told, PAS + "extension-errorElement")
    assert fhir.extension_value(element, "error") == "2010C-NM109"


def test_notes_are_numbered_in_the_order_of_items() -> None:
    decisions = [
        ItemDecision(sequence=1, action=Action.CERTIFIED),
        ItemDecision(sequence=2, action=Action.NOT_CERTIFIED, reason=DenialReason.DOCUMENTATION),
    ]
    response = decided(*decisions, name="authorization-not-required")
    assert "noteNumber" not in response["item"][0]
    assert response["item"][1]["noteNumber"] == [1]


def test_every_sequence_is_echoed() -> None:
    """spec-34, spec-46."""
    record, written = taken_in(sample("authorization-not-required"))
    claim = written[record.claim]
    echoed = [item["itemSequence"] for item in written[record.response]["item"]]
    assert echoed == [item["sequence"] for item in claim["item"]]


def test_the_authorized_provider_is_the_practitioner_of_the_care_team() -> None:
    record, written = taken_in(sample())
    claim = written[record.claim]
    found = authorized_providers(claim, written.get)
    assert found[1].startswith("Practitioner/")
    assert found[1] in written
    assert authorized_providers(claim, lambda _: None) == {}


def test_a_retry_gives_the_same_response() -> None:
    decision = ItemDecision(sequence=1, action=Action.CERTIFIED)
    assert decided(decision) == decided(decision)
