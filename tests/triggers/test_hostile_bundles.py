"""What a submitter puts into a Bundle or an attachment stays a submission: it enrols nobody, wires nothing, is no work
of ours and points at nothing of ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest

from domain import fhir
from domain.codes import LINE_OF_BUSINESS, MEMBER_ID, SUBMITTED_REFERENCE, TASK_CODE
from tests.support.samples import SAMPLES, attachment, request, resource
from tests.support.world import OTHER_SUBMITTER, SUBMITTER, Reply, World, case_of

UNKNOWN, ENDED = "ineligible-member-unknown", "ineligible-coverage-ended"
IN_FORCE = {
    "status": "active",
    "type": fhir.concept(LINE_OF_BUSINESS, "commercial"),
    "period": {"start": "2020-01-01", "end": "2099-12-31"},
}


def added(bundle: dict[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    """``bundle`` with one more entry."""
    url = f"http://lakeside.example.org/fhir/{one['resourceType']}/{one['id']}"
    bundle["entry"].append({"fullUrl": url, "resource": dict(one)})
    return bundle


def rejected(reply: Reply) -> list[str]:
    """The X12 901 codes of an answer."""
    return [code["code"]["coding"][0]["code"] for code in reply.response.get("error", [])]


def posing(number: str, member: str) -> dict[str, Any]:
    """A request for an unknown member whose Coverage and Patient pose as the payer's records of ``member``."""
    bundle = request(UNKNOWN, number=number)
    for kind in ("Coverage", "Patient"):
        resource(bundle, kind)["identifier"] = [{"system": MEMBER_ID, "value": member}]
    resource(bundle, "Coverage").update(deepcopy(IN_FORCE))
    resource(bundle, "Patient")["active"] = True
    return bundle


async def test_a_second_coverage_makes_nobody_eligible(door: World) -> None:
    bundle = request(ENDED, number="second-coverage")
    before = rejected(await door.submit(bundle))
    for number in ("second-coverage-2", "second-coverage-3"):
        again = request(ENDED, number=number)
        other = deepcopy(resource(again, "Coverage")) | deepcopy(IN_FORCE) | {"id": "cob"}
        other["identifier"] = [{"system": MEMBER_ID, "value": other["subscriberId"]}]
        reply = await door.submit(added(again, other))
        assert (reply.response["outcome"], rejected(reply)) == ("error", before)
        assert before


async def test_an_unknown_member_enrols_nobody_by_asking_twice(door: World) -> None:
    bundle = posing("enrol-1", "M-NOBODY")
    resource(bundle, "Coverage")["subscriberId"] = "M-NOBODY"
    for number in ("enrol-1", "enrol-2"):
        bundle["identifier"]["value"] = bundle["entry"][0]["resource"]["identifier"][0]["value"] = number
        assert rejected(await door.submit(bundle)) == ["75"]


@pytest.mark.parametrize("separator", [",", "\\,", "|", ",urn:x|y,"])
async def test_a_member_id_that_reads_like_a_search_finds_nobody(door: World, separator: str) -> None:
    bundle = request("approved-at-once", number="search")
    coverage = resource(bundle, "Coverage")
    coverage["subscriberId"] = f"x{separator}{MEMBER_ID}|{coverage['subscriberId']}"
    assert rejected(await door.submit(bundle)) == ["75"]


async def test_a_member_stays_one_when_another_organization_poses_as_it(door: World) -> None:
    own = request("approved-at-once", number="own")
    reply = await door.submit(posing("posing", resource(own, "Coverage")["subscriberId"]), who=OTHER_SUBMITTER)
    assert rejected(reply) == ["75"]
    assert (await door.submit(own)).actions == ["A1"]


async def test_a_submitted_subscription_tells_nobody(door: World) -> None:
    seeded = json.loads((SAMPLES / "members" / "subscriptions.json").read_text())["entry"][0]["resource"]
    mine = deepcopy(seeded) | {"id": "mine"}
    mine["channel"]["endpoint"] = "http://127.0.0.1:18591/mine"
    planting = added(request("approved-at-once", number="planting"), mine)
    assert (await door.submit(planting, who=OTHER_SUBMITTER)).actions == ["A1"]
    await door.settle()
    await door.submit(request("approved-at-once"))
    await door.settle()
    assert {each.endpoint for each in door.notifier.delivered} == {seeded["channel"]["endpoint"]}
    assert [each["id"] for each in await door.all("Subscription")] == [seeded["id"]]


@pytest.mark.parametrize("code", ["prior-authorization", "appeal", "clinical-review"])
async def test_a_submitted_task_is_no_work(door: World, code: str) -> None:
    task = {
        "resourceType": "Task",
        "id": "t",
        "status": "requested",
        "intent": "order",
        "code": fhir.concept(TASK_CODE, code),
    }
    bundle = added(request("approved-at-once"), task)
    case = case_of(bundle)
    assert (await door.submit(bundle)).actions == ["A1"]
    assert len(await door.all("Task")) == 1
    stored = await door.fhir.read((await door.record(case)).bundle)
    assert stored["entry"][-1]["resource"] == task, "the Bundle is kept whole"


@pytest.mark.parametrize(
    "forged",
    [
        {
            "resourceType": "AuditEvent",
            "id": "a",
            "type": {"system": "urn:x", "code": "x"},
            "recorded": "2020-01-01T00:00:00Z",
            "agent": [{"requestor": True}],
            "source": {"observer": {"display": "forged"}},
        },
        {"resourceType": "Communication", "id": "c", "status": "completed", "payload": [{"contentString": "forged"}]},
        {"resourceType": "ClaimResponse", "id": "r", "status": "active", "use": "preauthorization",
         "type": {"text": "forged"}, "patient": {"reference": "Patient/patient"}, "created": "2020-01-01",
         "insurer": {"display": "forged"}, "outcome": "complete"},
    ],
    ids=lambda each: str(each["resourceType"]),
)  # fmt: skip
async def test_what_only_the_engine_writes_cannot_be_submitted(door: World, forged: dict[str, Any]) -> None:
    assert (await door.submit(added(request("approved-at-once"), forged))).status == 200
    assert "forged" not in str(await door.all(forged["resourceType"]))


async def test_an_attachment_refers_to_nothing_by_the_submitters_names(door: World) -> None:
    bundle = request("information-requested")
    await door.submit(bundle)
    await door.settle()
    record = await door.record(case_of(bundle))
    sent = attachment(record.tracking_number, "59408-5", {"valueQuantity": {"value": 88, "unit": "%"}})
    observation = sent["parameter"][2]["part"][0]["resource"]
    observation |= {
        "subject": {"reference": "Patient/member-birch"},
        "performer": [{"reference": "http://evil.example/Practitioner/1"}],
        "encounter": {"reference": "Encounter/theirs", "display": "kept"},
        "identifier": [{"system": MEMBER_ID, "value": "M1000002"}, {"system": "urn:theirs", "value": "1"}],
    }
    assert (await door.send("POST", "/fhir/$submit-attachment", sent, who=SUBMITTER)).status == 200
    stored = await door.fhir.read((await door.record(case_of(bundle))).evidence[-1])
    assert stored["subject"] == {"reference": record.patient}
    assert [each for _, each in fhir.walk(stored, "") if "reference" in each] == [stored["subject"]]
    assert stored["encounter"]["display"] == "kept"
    told = {"system": SUBMITTED_REFERENCE, "value": "http://evil.example/Practitioner/1"}
    assert stored["performer"] == [{"identifier": told}]
    assert stored["identifier"] == [{"system": "urn:theirs", "value": "1"}]
