"""Requests as they arrive: what is read from them, and every way in which they can be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from domain import fhir
from domain.codes import PAS_CODES
from domain.errors import Malformed, TooLarge
from domain.facts import LineOfBusiness, Urgency
from domain.pas.bundle import Limits
from domain.pas.request import parse
from tests.domain.pas.examples import needs_official, official, read, sample

CLAIM = "Bundle.entry[0].resource"
Bundle = dict[str, Any]


def problems(bundle: Any) -> dict[str, str]:
    """Path -> code of every problem."""
    with pytest.raises(Malformed) as raised:
        read(bundle)
    return {problem.path: problem.code for problem in raised.value.problems}


def test_a_request_is_read() -> None:
    request = read(sample())
    assert request.bundle_identifier.value == "approved-at-once-1"
    assert request.claim_identifier.token() == "http://lakeside.example.org/claims|approved-at-once-1"
    assert request.member_id == "M1000001"
    assert request.birth_date == date(1956, 3, 14)
    assert request.urgency is Urgency.STANDARD
    assert request.service_start == request.service_end == date(2026, 12, 1)
    assert request.patient["id"] == "patient"
    assert request.insurer["id"] == "insurer"
    assert request.provider["id"] == "provider"
    assert request.coverage["id"] == "coverage"


@pytest.mark.parametrize("value", [10**15, -(10**15), int("9" * 4000), 1e300])
def test_a_number_that_no_server_keeps_is_refused_with_its_place(value: float) -> None:
    bundle = sample()
    bundle["entry"][0]["resource"]["item"][0]["quantity"]["value"] = value
    bundle["entry"][1]["resource"]["Jane Doe"] = [value]
    found = problems(bundle)
    assert found[f"{CLAIM}.item[0].quantity.value"] == "value"
    assert "Jane Doe" not in str(found)


@pytest.mark.parametrize("value", [10**15 - 1, 999_999_999_999_999.0, 0.1, -5])
def test_a_number_that_servers_keep_is_taken(value: float) -> None:
    bundle = sample()
    bundle["entry"][0]["resource"]["item"][0]["quantity"]["value"] = value
    assert read(bundle).services(date(2026, 11, 23))[0].quantity == float(value)


def test_items_become_facts() -> None:
    (service,) = read(sample()).services(date(2026, 11, 23), LineOfBusiness.MEDICAID)
    assert (service.sequence, service.code, service.quantity) == (1, "E0601", 1.0)
    assert service.service_on == date(2026, 12, 1)
    assert service.diagnoses == ("G47.33",)
    assert service.line_of_business is LineOfBusiness.MEDICAID


def test_an_item_without_a_date_takes_the_date_of_receipt() -> None:
    bundle = sample()
    del bundle["entry"][0]["resource"]["item"][0]["servicedDate"]
    request = read(bundle)
    assert request.service_start is None
    assert request.services(date(2026, 11, 23))[0].service_on == date(2026, 11, 23)


def test_an_item_without_a_date_takes_the_date_of_the_patient_event() -> None:
    bundle = sample()
    claim = bundle["entry"][0]["resource"]
    del claim["item"][0]["servicedDate"]
    event = fhir.concept(PAS_CODES, "patientEvent")
    claim["supportingInfo"].append(
        {"sequence": 9, "category": event, "timingPeriod": {"start": "2027-01-02", "end": "2027-01-05"}}
    )
    request = read(bundle)
    assert (request.service_start, request.service_end) == (date(2027, 1, 2), date(2027, 1, 5))


def test_observations_and_answers_become_evidence() -> None:
    study, visit = read(sample()).evidence()
    assert (study.code, study.number, study.unit, study.on) == ("69990-0", 22.0, "/h", date(2026, 10, 12))
    assert study.source == "Observation/sleep-study"
    assert (visit.code, visit.boolean, visit.on) == ("sleep-evaluation", True, date(2026, 11, 3))


@pytest.mark.parametrize(
    "change",
    [{"status": "preliminary"}, {"status": "entered-in-error"}, {"valueQuantity": {"value": 22, "comparator": "<"}}],
)
def test_a_result_that_is_not_final_or_only_a_bound_is_no_evidence(change: Bundle) -> None:
    bundle = sample()
    study = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Observation")
    study.update(change)
    assert [fact.code for fact in read(bundle).evidence()] == ["sleep-evaluation"]


@pytest.mark.parametrize("priority", ["stat", "normal"])
def test_stat_priority_is_expedited(priority: str) -> None:
    bundle = sample()
    bundle["entry"][0]["resource"]["priority"]["coding"][0]["code"] = priority
    assert (read(bundle).urgency is Urgency.EXPEDITED) == (priority == "stat")


def test_level_of_service_urgent_is_expedited() -> None:
    bundle = sample("approved-expedited")
    bundle["entry"][0]["resource"]["priority"]["coding"][0]["code"] = "normal"
    assert read(bundle).urgency is Urgency.EXPEDITED


def related(bundle: Bundle) -> None:
    """Refers to a prior Claim."""
    prior = {"system": "http://terminology.hl7.org/CodeSystem/ex-relatedclaimrelationship", "code": "prior"}
    claim = bundle["entry"][0]["resource"]
    claim["related"] = [{"claim": {"identifier": {"value": "old"}}, "relationship": {"coding": [prior]}}]


def cancelled(bundle: Bundle) -> None:
    """Cancels an item."""
    certification = bundle["entry"][0]["resource"]["item"][0]["extension"][1]
    certification["valueCodeableConcept"]["coding"][0]["code"] = "3"


def changed(bundle: Bundle) -> None:
    """Marks an item as changed."""
    url = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-infoChanged"
    bundle["entry"][0]["resource"]["item"][0]["extension"].append({"url": url, "valueCode": "changed"})


@pytest.mark.parametrize("change", [related, cancelled, changed], ids=lambda change: change.__name__)
def test_an_update_is_recognised(change: Callable[[Bundle], None]) -> None:
    bundle = sample()
    assert not read(bundle).is_update
    change(bundle)
    assert read(bundle).is_update


def test_the_hash_is_of_what_a_bundle_says() -> None:
    first, again = sample(), sample()
    again |= {"id": "other", "timestamp": "2027-01-01T00:00:00Z", "meta": {"lastUpdated": "2027-01-01T00:00:00Z"}}
    again["entry"][4]["resource"]["text"] = {
        "status": "generated",
        "div": "<div xmlns='http://www.w3.org/1999/xhtml'/>",
    }
    again["entry"][0]["resource"] = dict(reversed(again["entry"][0]["resource"].items()))
    assert read(again).content_hash == read(first).content_hash
    again["entry"][0]["resource"]["item"][0]["quantity"]["value"] = 2
    assert read(again).content_hash != read(first).content_hash


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not-json"),
        (b"{", "not-json"),
        (b"\xff\xfe", "not-json"),
        (b'{"resourceType": "Bundle", "total": NaN}', "not-json"),
        (b"[]", "not-a-bundle"),
        (b'"Bundle"', "not-a-bundle"),
        (b'{"resourceType": "Claim"}', "not-a-bundle"),
        (b'{"resourceType": "Bundle"}', "malformed"),
    ],
)
def test_what_is_no_bundle_is_malformed(body: bytes, code: str) -> None:
    with pytest.raises(Malformed) as raised:
        parse(body)
    assert raised.value.code == code
    assert raised.value.problems


def test_limits() -> None:
    body = json.dumps(sample()).encode()
    with pytest.raises(TooLarge, match="body"):
        parse(body, Limits(body=len(body) - 1))
    with pytest.raises(TooLarge, match="entries"):
        parse(body, Limits(entries=3))
    with pytest.raises(TooLarge, match="depth"):
        parse(body, Limits(depth=5))
    with pytest.raises(TooLarge, match="depth"):
        parse(b'{"a":' * 60 + b"1" + b"}" * 60)
    with pytest.raises(TooLarge, match="depth"):
        parse(b"[" * 200_000)
    assert parse(body, Limits(body=len(body), entries=9))


def test_all_problems_are_told_at_once() -> None:
    bundle = sample()
    claim = bundle["entry"][0]["resource"]
    bundle["type"] = "transaction"
    del bundle["timestamp"], bundle["identifier"], bundle["entry"][2]["fullUrl"]
    bundle["entry"][1]["request"] = {"method": "PUT", "url": "Organization/1"}
    claim["use"] = "claim"
    claim["patient"] = {"reference": "Patient/elsewhere"}
    claim["created"] = "yesterday"
    claim["item"].append({**claim["item"][0], "careTeamSequence": [4]})
    assert problems(bundle) == {
        "Bundle.type": "value",
        "Bundle.identifier": "required",
        "Bundle.timestamp": "required",
        "Bundle.entry[1].request": "structure",
        "Bundle.entry[2].fullUrl": "required",
        f"{CLAIM}.created": "value",
        f"{CLAIM}.patient": "not-found",
        f"{CLAIM}.use": "value",
        f"{CLAIM}.item[1].sequence": "duplicate",
        f"{CLAIM}.item[1].careTeamSequence": "not-found",
    }


def test_the_first_entry_must_be_a_claim() -> None:
    bundle = sample()
    bundle["entry"].insert(0, bundle["entry"].pop())
    assert problems(bundle) == {CLAIM: "invalid"}


@pytest.mark.parametrize("element", ["patient", "insurer", "provider", "insurance", "item", "identifier"])
def test_what_the_engine_cannot_do_without_is_required(element: str) -> None:
    bundle = sample()
    del bundle["entry"][0]["resource"][element]
    assert problems(bundle)[f"{CLAIM}.{element}"] == "required"


def test_a_party_of_the_wrong_type() -> None:
    bundle = sample()
    claim = bundle["entry"][0]["resource"]
    claim["patient"] = claim["insurer"]
    claim["insurance"][0]["coverage"] = claim["insurer"]
    assert problems(bundle) == {f"{CLAIM}.patient": "value", f"{CLAIM}.insurance[0].coverage": "value"}


@pytest.mark.parametrize(
    ("element", "path"),
    [
        ({"servicedDate": "2026-12"}, "servicedDate"),
        ({"servicedDate": "2026-02-30"}, "servicedDate"),
        ({"servicedDate": None, "servicedPeriod": {"start": "2026-12-09", "end": "2026-12-01"}}, "servicedPeriod"),
    ],
)
def test_bad_dates(element: Bundle, path: str) -> None:
    bundle = sample()
    item = bundle["entry"][0]["resource"]["item"][0]
    item.update(element)
    bundle["entry"][0]["resource"]["item"][0] = {key: value for key, value in item.items() if value is not None}
    assert list(problems(bundle)) == [f"{CLAIM}.item[0].{path}"]


def test_null_and_empty_elements_say_nothing() -> None:
    bundle = sample()
    claim = bundle["entry"][0]["resource"]
    claim |= {"related": [], "accident": {}, "billablePeriod": None, "fundsReserve": {"coding": []}}
    assert read(bundle).content_hash == read(sample()).content_hash
    claim["patient"] = None
    assert problems(bundle) == {f"{CLAIM}.patient": "required"}


@pytest.mark.parametrize("entry", [[], [{}], [None]])
def test_a_bundle_with_an_empty_entry(entry: list[Any]) -> None:
    """What the conformance suite sends to see an OperationOutcome."""
    assert problems({**sample(), "entry": entry})


def test_two_entries_of_one_name() -> None:
    bundle = sample()
    bundle["entry"].append(bundle["entry"][1])
    last = len(bundle["entry"]) - 1
    expected = {f"Bundle.entry[{last}].fullUrl": "duplicate", f"Bundle.entry[{last}].resource.id": "duplicate"}
    assert problems(bundle) == expected


def test_unknown_resource_types_and_elements() -> None:
    bundle = sample()
    bundle["entry"][1]["resource"]["nickname"] = "x"
    bundle["entry"].append({"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Spell"}})
    found = problems(bundle)
    assert found["Bundle.entry[1].resource.nickname"] == "structure"
    assert found[f"Bundle.entry[{len(bundle['entry']) - 1}].resource.resourceType"] == "structure"


def test_unknown_contained_type() -> None:
    bundle = sample()
    bundle["entry"][1]["resource"]["contained"] = [{"resourceType": "Spell", "id": "a"}]
    assert problems(bundle) == {"Bundle.entry[1].resource": "structure"}


def test_references_resolve_by_full_url_by_relative_name_and_without_a_version() -> None:
    bundle = sample()
    claim = bundle["entry"][0]["resource"]
    claim["patient"] = {"reference": "http://lakeside.example.org/fhir/Patient/patient"}
    claim["insurer"] = {"reference": "Organization/insurer/_history/3"}
    bundle["entry"][1]["fullUrl"] = "urn:uuid:0d2f4f9e-33a5-4a5f-b0f8-2f5ab2b1a001"
    claim["provider"] = {"reference": "urn:uuid:0d2f4f9e-33a5-4a5f-b0f8-2f5ab2b1a001"}
    request = read(bundle)
    assert (request.patient["id"], request.insurer["id"], request.provider["id"]) == ("patient", "insurer", "provider")


def test_another_servers_resource_of_the_same_id_is_not_taken_for_ours() -> None:
    bundle = sample()
    bundle["entry"][0]["resource"]["patient"] = {"reference": "http://elsewhere.example.org/fhir/Patient/patient"}
    assert problems(bundle) == {f"{CLAIM}.patient": "not-found"}


def test_no_problem_quotes_what_was_sent() -> None:
    """Every string of the request is a canary; none is found in what is said about it."""
    bundle, kept = sample(), ("resourceType", "reference", "fullUrl", "id")

    def canary(element: Any) -> Any:
        if isinstance(element, dict):
            return {k: v if k in kept else canary(v) for k, v in element.items()}
        if isinstance(element, list):
            return [canary(each) for each in element]
        return " canary\t" if isinstance(element, str) else element

    with pytest.raises(Malformed) as raised:
        read(canary(bundle))
    assert len(raised.value.problems) > 20
    said = str(raised.value) + "".join(problem.model_dump_json() for problem in raised.value.problems)
    assert "canary" not in said


def test_an_element_name_that_is_no_name_is_not_repeated() -> None:
    bundle = sample()
    bundle["entry"][1]["resource"]["Jane Doe 1956"] = 1
    assert list(problems(bundle)) == ["Bundle.entry[1].resource.?"]


@needs_official
@pytest.mark.parametrize("name", ["Referral", "Homecare", "MedicalServices"])
def test_official_requests(name: str) -> None:
    request = read(official(f"Bundle-{name}AuthorizationBundleExample"))
    assert request.member_id == "1122334455"
    assert request.birth_date is None
    assert not request.is_update
    assert not request.submission.dangling
    assert (request.urgency is Urgency.EXPEDITED) == (name == "Referral")


@needs_official
def test_the_official_surgical_request_has_references_that_dangle_outside_its_claim() -> None:
    request = read(official("Bundle-SurgicalRequestBundleExample"))
    role = "Bundle.entry[6].resource"
    assert request.submission.dangling == (f"{role}.practitioner", f"{role}.location[0]")
    assert request.service_start == date(2020, 7, 2)


@needs_official
def test_the_official_update_is_an_update() -> None:
    assert read(official("Bundle-HomecareAuthorizationUpdateBundleExample")).is_update


@needs_official
def test_a_response_is_no_request() -> None:
    assert problems(official("Bundle-RejectionResponseBundleExample")) == {CLAIM: "invalid"}
