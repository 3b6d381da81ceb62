"""Inquiries, attachments and notices: what goes between the payer and a submitter beside ``$submit``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from adapters.fhir.base import Entry
from domain.cases import CaseState
from host.model import Status
from tests.support.samples import attachment, request, resource
from tests.support.world import OTHER_SUBMITTER, SUBMITTER, Reply, World, case_of

DECIDED, ASKED = request("approved-at-once"), request("information-requested")
VALUE = {"valueQuantity": {"value": 84, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}
ATTACH = "/fhir/$submit-attachment"


def _inquiry(bundle: dict[str, Any]) -> dict[str, Any]:
    asked = json.loads(json.dumps(bundle))
    claim = resource(asked, "Claim")
    for element in ("supportingInfo", "item", "careTeam", "diagnosis"):
        claim.pop(element, None)
    wanted = {"Claim", "Organization", "Coverage", "Patient"}
    asked["entry"] = [entry for entry in asked["entry"] if entry["resource"]["resourceType"] in wanted]
    asked["identifier"]["value"] = "inquiry-1"
    return asked  # type: ignore[no-any-return]


async def _inquire(door: World, bundle: dict[str, Any], who: str = SUBMITTER) -> Reply:
    return await door.send("POST", "/fhir/Claim/$inquire", _inquiry(bundle), who=who)


async def test_an_inquiry_gets_the_current_answer_of_ones_own_cases(door: World) -> None:
    await door.submit(DECIDED)
    await door.settle()
    reply = await _inquire(door, DECIDED)
    assert reply.status == 200
    assert [parameter["name"] for parameter in reply.json["parameter"]] == ["return"]
    answer = reply.json["parameter"][0]["resource"]
    assert answer["entry"][0]["resource"]["outcome"] == "complete"
    others = await _inquire(door, DECIDED, OTHER_SUBMITTER)
    assert others.status == 200
    assert "ClaimResponse" not in [
        entry["resource"]["resourceType"]
        for parameter in others.json.get("parameter", [])
        for entry in parameter["resource"].get("entry", [])
    ]


async def test_an_inquiry_that_is_none(door: World) -> None:
    for body, code in ((b"{", "not-json"), (b"{}", "not-a-bundle")):
        reply = await door.send("POST", "/fhir/Claim/$inquire", body, who=SUBMITTER)
        assert (reply.status, reply.code, reply.json["resourceType"]) == (400, code, "OperationOutcome")


async def _asked(door: World) -> str:
    await door.submit(ASKED)
    await door.settle()
    return (await door.record(case_of(ASKED))).tracking_number


def _no_tracking(parameters: dict[str, Any]) -> None:
    del parameters["parameter"][0]


def _no_attachment(parameters: dict[str, Any]) -> None:
    del parameters["parameter"][2]


def _other_type(parameters: dict[str, Any]) -> None:
    parameters["parameter"][2]["part"][0]["resource"] = {"resourceType": "Task", "id": "x"}


def _no_status(parameters: dict[str, Any]) -> None:
    del parameters["parameter"][2]["part"][0]["resource"]["status"]


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (_no_tracking, "Parameters.parameter.where(name = 'TrackingId').value"),
        (_no_attachment, "Parameters.parameter"),
        (_other_type, "Parameters.parameter[2].part"),
        (_no_status, "Parameters.parameter[2].part.resource.status"),
    ],
)
async def test_a_malformed_attachment(door: World, spoil: Callable[[dict[str, Any]], None], place: str) -> None:
    parameters = attachment(await _asked(door), "59408-5", VALUE)
    spoil(parameters)
    reply = await door.send("POST", ATTACH, parameters, who=SUBMITTER)
    assert (reply.status, reply.code) == (400, "malformed")
    assert [issue["expression"] for issue in reply.json["issue"]] == [[place]]
    assert (await door.custom(case_of(ASKED)))["waitingFor"] == "provider"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "not-json"),
        (b"[" * 100_000, "depth"),
        (b'{"a":' * 50 + b"1" + b"}" * 50, "depth"),
        (b"[]", "not-parameters"),
        ({"resourceType": "Bundle"}, "not-parameters"),
        ({"resourceType": "Parameters", "parameter": 5}, "malformed"),
        ({"resourceType": "Parameters", "parameter": None}, "malformed"),
        ({"resourceType": "Parameters", "parameter": [7]}, "malformed"),
        ({"resourceType": "Parameters", "parameter": [{"name": "TrackingId", "valueIdentifier": 7}]}, "malformed"),
        (
            {
                "resourceType": "Parameters",
                "parameter": [{"name": "TrackingId", "valueIdentifier": {"value": "a|b,c"}}],
            },
            "case",
        ),
    ],
)
async def test_what_is_no_attachment(door: World, body: object, code: str) -> None:
    reply = await door.send("POST", ATTACH, body, who=SUBMITTER)
    assert (reply.status, reply.code) == ({"case": 404, "depth": 413}.get(code, 400), code)
    assert reply.json["resourceType"] == "OperationOutcome"


async def test_an_attachment_for_another_organizations_case_is_not_found(door: World) -> None:
    sent = attachment(await _asked(door), "59408-5", VALUE)
    theirs = await door.send("POST", ATTACH, sent, who=OTHER_SUBMITTER)
    unknown = await door.send("POST", ATTACH, attachment("PA00000000000000", "59408-5", VALUE), who=SUBMITTER)
    assert (theirs.status, theirs.code) == (unknown.status, unknown.code) == (404, "case")


async def test_an_attachment_that_nobody_asked_for(door: World) -> None:
    await door.submit(DECIDED)
    sent = attachment((await door.record(case_of(DECIDED))).tracking_number, "59408-5", VALUE)
    reply = await door.send("POST", ATTACH, sent, who=SUBMITTER)
    assert (reply.status, reply.code) == (409, "nothing-asked")


async def test_the_submitters_endpoint_is_told_with_an_idempotency_key(door: World) -> None:
    await door.submit(DECIDED)
    await door.settle()
    (told,) = door.notifier.delivered
    (notice,) = await door.all("Communication")
    assert told.endpoint == "http://127.0.0.1:18590/hooks/lakeside-clinic"
    assert told.notification_id == notice["id"]
    assert told.body["resourceType"] == "Bundle"
    await door.submit(request("approved-expedited"), who=OTHER_SUBMITTER)
    await door.settle()
    assert len(door.notifier.delivered) == 1, "a submitter without a subscription is told by its next inquiry"


async def test_a_hook_target_that_is_not_allowed_is_not_called_and_the_case_still_closes(door: World) -> None:
    (subscription,) = await door.all("Subscription")
    subscription["channel"]["endpoint"] = "https://elsewhere.example.org/hook"
    await door.fhir.transaction([Entry("PUT", f"Subscription/{subscription['id']}", subscription)])
    assert (await door.submit(DECIDED)).actions == ["A1"]
    await door.settle()
    case = case_of(DECIDED)
    assert (await door.status(case)).status is Status.COMPLETED
    assert (await door.record(case)).state is CaseState.APPROVED
    assert door.notifier.delivered == []
    (notice,) = await door.all("Communication")
    assert (notice["status"], notice["statusReason"]["coding"][0]["code"]) == ("not-done", "hook-host")
