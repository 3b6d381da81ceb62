"""Inquiries: what is asked, what answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from domain.codes import PAS, Action
from domain.decision import ItemDecision
from domain.errors import Malformed
from domain.pas.inquiry import answer, inquiry_response, matches, parse_inquiry
from domain.pas.notification import notification
from domain.pas.response import answers, authorization_number, claim_response
from domain.pas.response_bundle import response_bundle
from tests.domain.pas.examples import RECEIVED, needs_official, official, sample, taken_in

BASE = "https://payer.example.org/fhir"
CASE = taken_in(sample())[0].id
Bundle = dict[str, Any]


def inquiry() -> Bundle:
    """A sample asked about again."""
    bundle = sample()
    bundle["identifier"]["value"] = "inquiry-1"
    bundle["entry"][0]["resource"]["supportingInfo"] = []
    return bundle


def case() -> tuple[Bundle, Bundle, Bundle]:
    """An approved case: its stored Bundle, its response and its Claim."""
    record, written = taken_in(sample())
    claim = written[record.claim]
    decision = ItemDecision(sequence=1, action=Action.CERTIFIED)
    number = authorization_number(record.id)
    items = answers([decision], tracking=record.tracking_number, authorization=number, on=date(2026, 11, 24))
    return written[record.bundle], claim_response(record.id, claim, items, created=RECEIVED), claim


def asked(change: Callable[[Bundle, Bundle], None]) -> bool:
    bundle = inquiry()
    claim = bundle["entry"][0]["resource"]
    submitted, response, _ = case()
    change(claim, response)
    return matches(parse_inquiry(json.dumps(bundle).encode()), submitted, response)


def number(of: Callable[[Bundle], str]) -> Callable[[Bundle, Bundle], None]:
    def change(claim: Bundle, response: Bundle) -> None:
        extension = {"url": PAS + "extension-authorizationNumber", "valueString": of(response)}
        claim["item"][0]["extension"].append(extension)

    return change


def item(**changes: Any) -> Callable[[Bundle, Bundle], None]:
    def change(claim: Bundle, _: Bundle) -> None:
        claim["item"][0].pop("servicedDate", None)
        claim["item"][0].update(changes)

    return change


def action(code: str) -> Callable[[Bundle, Bundle], None]:
    concept = {"coding": [{"system": "https://codesystem.x12.org/005010/306", "code": code}]}
    return lambda claim, _: claim["item"][0]["extension"].append(
        {"url": PAS + "extension-reviewActionCode", "valueCodeableConcept": concept}
    )


def code(value: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "code": value}]}


def no_items(claim: Bundle, _: Bundle) -> None:
    del claim["item"]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda claim, response: None, True),
        (no_items, True),
        (number(lambda response: str(response["preAuthRef"])), True),
        (number(lambda _: "AUTH0001"), False),
        (item(productOrService=code("E0470")), False),
        (item(servicedDate="2026-12-02"), False),
        (item(servicedPeriod={"start": "2026-11-01", "end": "2026-12-31"}), True),
        (item(servicedPeriod={"end": "2026-11-30"}), False),
        (item(), True),
        (action("A1"), True),
        (action("A3"), False),
    ],
)
def test_query_by_example(change: Callable[[Bundle, Bundle], None], found: bool) -> None:
    assert asked(change) is found


def test_another_providers_case_does_not_answer() -> None:
    bundle = inquiry()
    bundle["entry"][1]["resource"]["identifier"][0]["value"] = "1999000023"
    submitted, response, _ = case()
    assert not matches(parse_inquiry(json.dumps(bundle).encode()), submitted, response)


def test_a_range_of_codes() -> None:
    def ranged(claim: Bundle, _: Bundle) -> None:
        claim["item"][0]["productOrService"] = code("E0600")
        claim["item"][0]["extension"].append(
            {"url": PAS + "extension-productOrServiceCodeEnd", "valueCodeableConcept": code("E0699")}
        )

    assert asked(ranged)


@pytest.mark.parametrize("element", ["patient", "insurer", "provider", "insurance"])
def test_who_must_be_named(element: str) -> None:
    bundle = inquiry()
    del bundle["entry"][0]["resource"][element]
    with pytest.raises(Malformed) as raised:
        parse_inquiry(json.dumps(bundle).encode())
    assert [problem.path for problem in raised.value.problems] == [f"Bundle.entry[0].resource.{element}"]


def test_the_answer_is_parameters_with_a_part_return_a_case() -> None:
    asked_ = parse_inquiry(json.dumps(inquiry()).encode())
    submitted, response, claim = case()
    told = inquiry_response(response, claim)
    bundle = response_bundle(CASE, told, submitted, BASE, RECEIVED, inquiry=asked_.identifier)
    parameters = answer([bundle, bundle])
    get_fhir_model_class("Parameters").model_validate(parameters)
    assert [part["name"] for part in parameters["parameter"]] == ["return", "return"]
    assert bundle["identifier"] == {"system": "http://lakeside.example.org/transactions", "value": "inquiry-1"}
    assert bundle["meta"]["profile"] == [PAS + "profile-pas-inquiry-response-bundle"]
    first = bundle["entry"][0]["resource"]
    assert first["meta"]["profile"] == [PAS + "profile-claiminquiryresponse"]
    assert first["insurance"][0]["coverage"]["reference"].startswith("http://lakeside.example.org/fhir/Coverage/")


def test_no_case_no_part() -> None:
    assert answer([]) == {"resourceType": "Parameters"}


def test_a_notification_has_the_response_as_its_focus() -> None:
    submitted, response, _ = case()
    bundle = response_bundle(CASE, response, submitted, BASE, RECEIVED)
    notice = notification("Subscription/s", 2, RECEIVED, bundle, BASE, "n1")
    get_fhir_model_class("Bundle").model_validate(notice)
    status, focus = notice["entry"]
    parameters = {part["name"]: part for part in status["resource"]["parameter"]}
    event = {part["name"]: part for part in parameters["notification-event"]["part"]}
    assert notice["type"] == "history"
    assert parameters["type"]["valueCode"] == "event-notification"
    assert event["event-number"]["valueString"] == "2"
    assert event["focus"]["valueReference"]["reference"] == focus["fullUrl"]
    assert focus["resource"]["entry"][0]["resource"]["resourceType"] == "ClaimResponse"


@needs_official
def test_the_official_inquiry_finds_the_homecare_request() -> None:
    found = parse_inquiry(json.dumps(official("Bundle-PASClaimInquiryBundleExample")).encode())
    assert found.member_id == "1122334455"
    assert found.provider_npi == "8189991234"
    for name, expected in (("Homecare", True), ("MedicalServices", False), ("Referral", False)):
        record, written = taken_in(official(f"Bundle-{name}AuthorizationBundleExample"))
        assert matches(found, written[record.bundle], written[record.response]) is expected


@needs_official
def test_the_official_notification_has_the_same_parts() -> None:
    """Ours adds ``status`` and relates the event to the Subscription by an absolute URL; the rest is the example's."""
    theirs = official("Bundle-PASSubscriptionNotification")
    submitted, response, _ = case()
    ours = notification(
        "Subscription/s", 2, RECEIVED, response_bundle(CASE, response, submitted, BASE, RECEIVED), BASE, "n1"
    )
    names = [[part["name"] for part in each["entry"][0]["resource"]["parameter"]] for each in (ours, theirs)]
    assert names[0] == [*names[1][:2], "status", *names[1][2:]]
    assert {entry["resource"]["resourceType"] for entry in ours["entry"]} == {"Parameters", "Bundle"}
