"""Cases: lists and filters, who sees which, the search by member, the way that a case went."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.samples import request
from tests.support.world import AUDITOR, NURSE, OPERATOR, OTHER_SUBMITTER, SUBMITTER, World, case_of

DECIDED, OPEN = request("approved-at-once"), request("denied-by-medical-director")
OTHER = request("pended-then-approved")


@pytest.fixture(autouse=True)
async def _three_cases(door: World) -> None:
    await door.submit(DECIDED)
    await door.submit(OPEN)
    await door.submit(OTHER, who=OTHER_SUBMITTER)
    await door.settle()


async def _ids(door: World, query: str, who: str = OPERATOR) -> list[str]:
    reply = await door.send("GET", f"/cases{query}", who=who)
    assert reply.status == 200, reply.text
    return [item["id"] for item in reply.json["items"]]


MINE, YOURS = [case_of(OPEN), case_of(DECIDED)], case_of(OTHER, "hillview-supply")


async def test_filters_find_a_case(door: World) -> None:
    assert sorted(await _ids(door, "")) == sorted([*MINE, YOURS])
    tracking = (await door.record(case_of(OPEN))).tracking_number
    assert await _ids(door, f"?tracking={tracking}") == [case_of(OPEN)]
    assert await _ids(door, "?state=approved") == [case_of(DECIDED)]
    assert await _ids(door, "?status=completed") == [case_of(DECIDED)]
    assert await _ids(door, "?provider=hillview-supply") == [YOURS]
    assert await _ids(door, "?status=in-progress&remaining=120&provider=lakeside-clinic") == []
    assert await _ids(door, "?status=in-progress&remaining=120&provider=hillview-supply") == [YOURS]
    assert await _ids(door, "?state=in-review&sort=-due") == [case_of(OPEN), YOURS]


async def test_an_odd_remaining_time_is_refused(door: World) -> None:
    for odd in ("soon", "nan", "inf", "1e300"):
        reply = await door.send("GET", f"/cases?remaining={odd}", who=OPERATOR)
        assert (reply.status, reply.json["errors"]) == (
            400,
            [{"path": "?remaining", "detail": "Give a number of hours."}],
        )


async def test_a_submitter_sees_its_own_organizations_cases_only(door: World) -> None:
    assert sorted(await _ids(door, "", SUBMITTER)) == sorted(MINE)
    assert await _ids(door, "", OTHER_SUBMITTER) == [YOURS]
    theirs = await door.send("GET", "/cases?provider=hillview-supply", who=SUBMITTER)
    assert (theirs.status, theirs.code) == (403, "organization")
    hidden = await door.send("GET", f"/cases/{YOURS}", who=SUBMITTER)
    absent = await door.send("GET", "/cases/prior-authorization-none", who=SUBMITTER)
    assert (hidden.status, hidden.code) == (absent.status, absent.code) == (404, "resource")
    assert (await door.send("GET", f"/cases/{YOURS}", who=OTHER_SUBMITTER)).status == 200


async def test_parked_cases_are_for_operators(door: World) -> None:
    for who, status in ((SUBMITTER, 403), (NURSE, 403), (AUDITOR, 200), (OPERATOR, 200)):
        assert (await door.send("GET", "/cases?state=parked", who=who)).status == status


async def test_a_member_is_searched_by_post(door: World) -> None:
    async def found(body: dict[str, Any], who: str = OPERATOR) -> list[str]:
        reply = await door.send("POST", "/cases/_search", body, who=who)
        assert reply.status == 200
        return [item["id"] for item in reply.json["items"]]

    assert await found({"member": "M1000003"}) == [case_of(OPEN)]
    assert await found({"member": "M1000003", "state": "approved"}) == []
    assert await found({"member": "M0"}) == []
    assert await found({"member": "M1000003"}, OTHER_SUBMITTER) == []
    assert sorted(await found({}, SUBMITTER)) == sorted(MINE)
    assert (await door.send("POST", "/cases/_search", {"colour": "red"}, who=OPERATOR)).status == 400
    assert (await door.send("POST", "/cases/_search", b"[1]", who=OPERATOR)).code == "malformed"
    assert (await door.send("POST", "/cases/_search", b"{", who=OPERATOR)).code == "not-json"
    assert (await door.send("POST", "/cases/_search", {"member": 5}, who=OPERATOR)).status == 400
    audited = [e for e in await door.all("AuditEvent") if e["entity"][0]["detail"][0]["valueString"] == "search-cases"]
    assert {event["action"] for event in audited} == {"R"}


async def test_a_case_tells_where_it_stands_and_the_way_it_went(door: World) -> None:
    case = (await door.send("GET", f"/cases/{case_of(OPEN)}", who=NURSE)).json
    assert (case["state"], case["status"], case["submitter"]) == ("in-review", "in-progress", "lakeside-clinic")
    assert (case["standing"]["step"], case["standing"]["waitingFor"]) == ("clinical-review", "reviewer")
    ended = (await door.send("GET", f"/cases/{case_of(DECIDED)}", who=NURSE)).json
    assert ended["standing"]["runtime"] == "Completed"
    assert [one["step"] for one in ended["timeline"]] == [
        "open-case",
        "set-deadline",
        "check-eligibility",
        "assess-necessity",
        "determine",
        "record-decision",
        "notify-provider",
        "close-case",
    ]
