"""Every outcome of a prior authorization, from the request to the notice, in both modes of the host."""

from __future__ import annotations

from typing import Any

import pytest

from domain import fhir
from domain.cases import CaseState
from domain.codes import PAS, X12_REASON, X12_REJECT
from host.model import Status
from tests.support.samples import attachment, request, resource
from tests.support.world import DIRECTOR, NURSE, OTHER_DIRECTOR, World, case_of

SATURATION = {"valueQuantity": {"value": 84, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}
DENY = {"decision": "deny", "reason": "criteria-not-met", "criteria": ["MN-K0823-3"]}


async def _ended(app: World, case: str, state: CaseState) -> dict[str, Any]:
    """The ClaimResponse of a case that went to its end: instance, record and tasks agree."""
    status = await app.status(case)
    record = await app.record(case)
    assert (status.status, record.state) == (Status.COMPLETED, state)
    assert len(status.custom_status or "") < 2048, "codes and references only"
    tasks = await app.all("Task")
    assert not [task["id"] for task in tasks if task["status"] in ("requested", "in-progress", "on-hold")]
    return await app.response(case)


@pytest.mark.parametrize(
    ("sample", "state", "actions"),
    [
        ("approved-at-once", CaseState.APPROVED, ["A1"]),
        ("approved-expedited", CaseState.APPROVED, ["A1"]),
        ("authorization-not-required", CaseState.NOT_REQUIRED, ["NA", "NA"]),
    ],
)
async def test_rules_answer_at_once(app: World, sample: str, state: CaseState, actions: list[str]) -> None:
    bundle = request(sample)
    reply = await app.submit(bundle)
    assert (reply.status, reply.actions) == (200, actions)
    assert reply.headers["Content-Type"].startswith("application/fhir+json")
    response = await _ended(app, case_of(bundle), state)
    assert response["outcome"] == "complete"
    assert await app.notices(case_of(bundle)) == ["decided"]
    reviewer = fhir.extensions(response, PAS + "extension-claimResponseReviewer")[0]
    assert fhir.extension_value(reviewer, "wasHumanReviewedFlag") is False


@pytest.mark.parametrize(("sample", "code"), [("ineligible-coverage-ended", "95"), ("ineligible-member-unknown", "75")])
async def test_an_ineligible_member_is_refused_with_200_and_a_901_code(app: World, sample: str, code: str) -> None:
    bundle = request(sample)
    reply = await app.submit(bundle)
    assert (reply.status, reply.response["outcome"]) == (200, "error")
    response = await _ended(app, case_of(bundle), CaseState.INELIGIBLE)
    assert [fhir.code(error["code"], X12_REJECT) for error in response["error"]] == [code]
    assert "item" not in response


async def test_a_reviewer_approves_what_rules_pended(app: World) -> None:
    bundle = request("pended-then-approved")
    reply = await app.submit(bundle)
    assert (reply.status, reply.actions) == (200, ["A4"])
    case = case_of(bundle)
    assert (await app.record(case)).state is CaseState.IN_REVIEW
    listed = (await app.send("GET", "/tasks", who=NURSE)).json["items"]
    assert [(task["case"], task["reasons"]) for task in listed] == [(case, ["no-criterion"])]
    decided = await app.decide(case, {"decision": "approve"})
    assert (decided.status, decided.json["state"]) == (200, "decided")
    response = await _ended(app, case, CaseState.APPROVED)
    reviewer = fhir.extensions(response, PAS + "extension-claimResponseReviewer")[0]
    assert fhir.extension_value(reviewer, "wasHumanReviewedFlag") is True
    assert await app.notices(case) == ["decided"]
    assert (await app.submit(bundle)).actions == ["A1"]


async def test_only_a_medical_director_denies(app: World) -> None:
    bundle = request("denied-by-medical-director")
    assert (await app.submit(bundle)).actions == ["A4"]
    case = case_of(bundle)
    refused = await app.decide(case, DENY, who=NURSE)
    assert (refused.status, refused.code) == (403, "medical-director")
    assert (await app.custom(case))["waitingFor"] == "reviewer"
    assert (await app.decide(case, {**DENY, "note": "A manual one is enough."}, who=DIRECTOR)).status == 200
    response = await _ended(app, case, CaseState.DENIED)
    reasons = [e for _, e in fhir.walk(response, "") if fhir.code(e, X12_REASON)]
    assert [fhir.code(reason, X12_REASON) for reason in reasons] == ["0F"]
    assert response["processNote"][0]["text"] == "A manual one is enough."
    reviewer = fhir.extensions(response, PAS + "extension-claimResponseReviewer")[0]
    assert fhir.extension_value(reviewer, "reviewerNPI")["value"] == "1999001021"


async def test_a_medical_director_authorizes_less(app: World) -> None:
    bundle = request("modified-by-medical-director")
    await app.submit(bundle)
    case = case_of(bundle)
    less = {"decision": "modify", "reason": "criteria-not-met", "items": [{"sequence": 1, "quantity": 3}]}
    assert (await app.decide(case, less, who=NURSE)).code == "medical-director"
    assert (await app.decide(case, less, who=OTHER_DIRECTOR)).status == 200
    response = await _ended(app, case, CaseState.MODIFIED)
    assert response["addItem"][0]["quantity"]["value"] == 3


async def test_missing_information_is_asked_for_and_answered(app: World) -> None:
    bundle = request("information-requested")
    reply = await app.submit(bundle)
    assert reply.actions == ["A4"]
    asked = [
        each["resource"] for each in reply.json["entry"] if each["resource"]["resourceType"] == "CommunicationRequest"
    ]
    assert [each["payload"] for each in asked] == [[{"contentString": "59408-5"}]]
    case = case_of(bundle)
    record = await app.record(case)
    assert record.state is CaseState.INFORMATION_REQUESTED
    assert (await app.custom(case))["waitingFor"] == "provider"
    assert await app.notices(case) == ["information-requested"]
    sent = await app.send(
        "POST",
        "/fhir/$submit-attachment",
        attachment(record.tracking_number, "59408-5", SATURATION),
        who="lakeside-ehr",
    )
    assert sent.status == 200
    await app.settle()
    await _ended(app, case, CaseState.APPROVED)
    assert await app.notices(case) == ["information-requested", "decided"]


async def test_information_that_does_not_come_goes_to_a_reviewer(app: World) -> None:
    bundle = request("information-requested")
    await app.submit(bundle)
    case = case_of(bundle)
    await app.advance(hours=71)
    assert (await app.custom(case))["waitingFor"] == "provider"
    await app.advance(hours=1)
    assert (await app.custom(case))["waitingFor"] == "reviewer"
    failed = [task for task in await app.all("Task") if task["status"] == "failed"]
    assert len(failed) == 1, "the request for information is closed"
    late = attachment((await app.record(case)).tracking_number, "59408-5", SATURATION)
    assert (await app.send("POST", "/fhir/$submit-attachment", late, who="lakeside-ehr")).code == "nothing-asked"
    assert (await app.decide(case, {"decision": "approve"})).status == 200
    assert (await app.record(case)).state is CaseState.APPROVED


async def test_a_reviewer_asks_and_decides_in_the_next_round(app: World) -> None:
    bundle = request("denied-by-medical-director")
    await app.submit(bundle)
    case = case_of(bundle)
    first = await app.task(case)
    ask = {"decision": "request-information", "information": ["34109-9"]}
    assert (await app.decide(case, ask, who=NURSE)).status == 200
    record = await app.record(case)
    assert record.state is CaseState.INFORMATION_REQUESTED
    response = await app.response(case)
    asked = [await app.fhir.read(each["reference"]) for each in response["communicationRequest"]]
    assert [each["payload"][0]["contentString"] for each in asked] == ["34109-9"]
    sent = attachment(record.tracking_number, "34109-9", {"valueString": "A report."})
    assert (await app.send("POST", "/fhir/$submit-attachment", sent, who="lakeside-ehr")).status == 200
    await app.settle()
    assert await app.task(case) != first
    assert len((await app.record(case)).evidence) == 2
    assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
    await _ended(app, case, CaseState.DENIED)


async def test_an_update_is_refused_with_a_901_code_and_opens_no_case(app: World) -> None:
    bundle = request("approved-at-once")
    prior = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/ex-relatedclaimrelationship", "code": "prior"}]
    }
    resource(bundle, "Claim")["related"] = [{"relationship": prior, "claim": {"identifier": {"value": "x"}}}]
    reply = await app.submit(bundle)
    assert (reply.status, reply.response["outcome"]) == (200, "error")
    assert fhir.code(reply.response["error"][0]["code"], X12_REJECT) == "33"
    assert await app.all("Claim") == []
    assert await app.host.durable.hub.status(case_of(bundle)) is None
