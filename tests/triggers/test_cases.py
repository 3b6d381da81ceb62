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
        "publish-received",
        "publish-decided",
        "close-case",
    ]


async def test_a_page_token_is_good_for_its_list_and_its_reader_alone(door: World) -> None:
    await door.submit(request("approved-at-once", number="2"))
    await door.settle()
    staff = (await door.send("GET", "/cases?count=1", who=OPERATOR)).json["next"]
    own = (await door.send("GET", "/cases?count=1", who=SUBMITTER)).json["next"]
    for who, path, token in (
        (OTHER_SUBMITTER, "/cases", staff),
        (OTHER_SUBMITTER, "/cases", own),
        (OPERATOR, "/cases", own),
        (NURSE, "/tasks", staff),
        (NURSE, "/review", staff),
    ):
        refused = await door.send("GET", f"{path}?page={token}", who=who)
        assert refused.status == 400, (who, path)
        assert "start from the first page" in refused.text
        assert case_of(DECIDED) not in refused.text
    assert (await door.send("POST", "/cases/_search", {"page": staff}, who=OPERATOR)).status == 400
    again = (await door.send("GET", f"/cases?count=1&page={own}", who=SUBMITTER)).json
    assert again["items"][0]["submitter"] == "lakeside-clinic"
    assert (await door.send("GET", f"/cases?page={staff}", who=AUDITOR)).status == 200, "staff see the same"


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/cases", "count=%C2%B2"),
        ("/cases", "count=%D9%A3"),
        ("/cases", "count=" + "9" * 5000),
        ("/cases", "state=bogus"),
        ("/cases", "state=parked,approved"),
        ("/cases", "status=zzz"),
        ("/tasks", "status=zzz"),
        ("/tasks", "status=requested,zzz"),
        ("/tasks", "queue=zzz"),
        ("/tasks", "count=%C2%B2"),
    ],
)
async def test_a_value_that_a_list_does_not_know_is_refused(door: World, path: str, query: str) -> None:
    reply = await door.send("GET", f"{path}?{query}", who=OPERATOR)
    assert (reply.status, reply.code) == (400, "malformed")
    (error,) = reply.json["errors"]
    assert error["path"] == f"?{query.split('=')[0]}"
    assert "zzz" not in error["detail"]
    assert "Use one" in error["detail"] or "Ask for 1 to" in error["detail"]


async def test_several_known_values_are_searched_together(door: World) -> None:
    assert sorted(await _ids(door, "?state=approved,in-review")) == sorted([*MINE, YOURS])
    body = {"state": "approved", "status": "completed,rejected"}
    assert (await door.send("POST", "/cases/_search", body, who=OPERATOR)).json["items"][0]["id"] == case_of(DECIDED)


async def _audits(door: World, who: str) -> list[tuple[str, str, set[str]]]:
    """Step, case and types of the resources read of each AuditEvent of ``who`` without a write, in order."""
    found = []
    for event in await door.all("AuditEvent"):
        if event["agent"][0]["who"]["identifier"]["value"] == who and event["action"] == "R":
            case, *entities = event["entity"]
            read = {each["what"]["reference"].split("/")[0] for each in entities}
            found.append((case["detail"][0]["valueString"], case["what"]["identifier"]["value"], read))
    return found


async def test_what_a_list_and_a_case_show_is_audited_as_read(door: World) -> None:
    await door.send("GET", "/cases", who=AUDITOR)
    await door.send("GET", f"/cases/{case_of(OPEN)}", who=AUDITOR)
    await door.send("GET", "/tasks", who=AUDITOR)
    task = await door.task(case_of(OPEN))
    await door.send("GET", f"/tasks/{task}", who=AUDITOR)
    assert await _audits(door, AUDITOR) == [
        ("list-cases", "search", {"Task"}),
        ("read-case", case_of(OPEN), {"Task"}),
        ("review", "reviews", {"Task"}),
        ("review", case_of(OPEN), {"Task"}),
    ]


async def test_the_answer_to_a_request_that_was_there_is_audited_as_read(door: World) -> None:
    before = len(await _audits(door, SUBMITTER))
    await door.submit(DECIDED)
    step, case, read = (await _audits(door, SUBMITTER))[before:][-1]
    assert (step, case) == ("answer", case_of(DECIDED))
    assert {"ClaimResponse", "Bundle"} <= read


async def test_a_claim_is_audited_with_the_case_that_it_is_about(door: World) -> None:
    await door.send("POST", f"/tasks/{await door.task(case_of(OPEN))}/claim", who=NURSE)
    (event,) = [e for e in await door.all("AuditEvent") if e["agent"][0]["who"]["identifier"]["value"] == NURSE]
    assert event["entity"][0]["what"]["identifier"]["value"] == case_of(OPEN)
