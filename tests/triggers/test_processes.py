"""Instances as codes: which are listed, what is told of one, and to whom."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from domain.process.conformance import walk
from domain.process.model import parse_model
from domain.process.seen import Seen, What, seen
from host.model import Status
from host.recording import export
from processes import text_of
from tests.support.samples import request
from tests.support.world import AUDITOR, DIRECTOR, NURSE, OPERATOR, START, SUBMITTER, World, case_of

DECIDED, OPEN = request("approved-at-once"), request("denied-by-medical-director")
MIRROR = "camunda-mirror"
DENY = {"decision": "deny", "reason": "criteria-not-met"}


async def _listed(door: World, query: str = "", who: str = MIRROR) -> list[dict[str, Any]]:
    reply = await door.send("GET", f"/processes/instances{query}", who=who)
    assert reply.status == 200, reply.text
    items: list[dict[str, Any]] = reply.json["items"]
    return items


async def _ids(door: World, query: str = "") -> set[str]:
    return {each["id"] for each in await _listed(door, query)}


async def _told(door: World, case: str) -> dict[str, Any]:
    reply = await door.send("GET", f"/processes/instances/{case}", who=MIRROR)
    assert reply.status == 200, reply.text
    document: dict[str, Any] = reply.json
    return document


async def _seen(door: World, case: str) -> list[Seen]:
    """What the history itself shows."""
    durable = door.host.durable
    recording = export(await durable.hub.history(case), await durable.settled(case), "azure")
    return seen(recording["history"])


def _steps(document: dict[str, Any]) -> list[Seen]:
    return [Seen(What(s["what"]), s["step"], s["variables"], s["aside"]) for s in document["steps"]]


async def test_who_goes_on_is_listed_and_who_ended_since(door: World) -> None:
    await door.submit(DECIDED)
    await door.advance(hours=1)
    await door.submit(OPEN)
    await door.settle()
    (running,) = await _listed(door)
    assert running == {
        "id": case_of(OPEN),
        "workflow": "prior-authorization",
        "runtime": "Running",
        "created": "2026-11-23T16:00:00+00:00",
        "updated": "2026-11-23T16:00:00+00:00",
    }
    for since, found in (
        ("2026-11-23T15:00:00.9Z", {case_of(OPEN), case_of(DECIDED)}),  # what is updated is told to the second
        ("2026-11-23T15:00:00", {case_of(OPEN), case_of(DECIDED)}),
        ("2026-11-23T15:00:01Z", {case_of(OPEN)}),
        ("2026-11-23T10:00:00-05:00", {case_of(OPEN), case_of(DECIDED)}),
    ):
        assert await _ids(door, f"?ended-since={since}") == found


async def test_an_odd_query_is_refused(door: World) -> None:
    reply = await door.send("GET", "/processes/instances?ended-since=soon&colour=red", who=MIRROR)
    assert reply.status == 400
    assert [each["path"] for each in reply.json["errors"]] == ["?colour", "?ended-since"]


async def test_readers(door: World) -> None:
    await door.submit(DECIDED)
    await door.settle()
    for path in ("/processes/instances", f"/processes/instances/{case_of(DECIDED)}"):
        for who, status in ((MIRROR, 200), (OPERATOR, 200), (AUDITOR, 200), (SUBMITTER, 403), (NURSE, 403)):
            assert (await door.send("GET", path, who=who)).status == status
    reply = await door.send("GET", "/processes/instances/nobody", who=MIRROR)
    assert (reply.status, reply.code) == (404, "instance")


async def test_a_case_that_waits(door: World) -> None:
    await door.submit(OPEN)
    await door.settle()
    case = case_of(OPEN)
    told = await _told(door, case)
    assert (told["id"], told["workflow"], told["version"]) == (case, "prior-authorization", "1.0.0")
    assert (told["runtime"], told["failure"]) == ("Running", None)
    assert (told["urgency"], told["line_of_business"]) == ("standard", "medicare-advantage")
    assert told["standing"] == await door.custom(case)
    assert told["due"] == told["standing"]["due"]
    assert _steps(told) == await _seen(door, case)
    assert told["steps"][0] == {
        "what": "started",
        "step": "open-case",
        "at": START.isoformat(),
        "aside": False,
        "variables": {},
    }
    assert told["execution"].startswith("2026-11-23T15:00:00")


async def test_what_was_told_stays_and_grows(door: World) -> None:
    await door.submit(OPEN)
    await door.advance(days=6)
    before = await _told(door, case_of(OPEN))
    await door.decide(case_of(OPEN), DENY, who=DIRECTOR)
    await door.settle()
    after = await _told(door, case_of(OPEN))
    assert after["steps"][: len(before["steps"])] == before["steps"]
    assert after["runtime"] == "Completed"
    assert after["steps"][-1]["what"] == "ended"
    assert _steps(after) == await _seen(door, case_of(OPEN))
    found = walk(_steps(after), parse_model(text_of("prior-authorization", "1.0.0")))
    assert (found.deviation, found.ended) == (None, True)


async def test_a_case_that_failed_and_was_rewound(door: World) -> None:
    door.host.durable.fail("determine", 1, RuntimeError("defect:rules-refused"))
    case = case_of(DECIDED)
    await door.submit(DECIDED)
    await door.settle()
    told = await _told(door, case)
    assert (told["runtime"], told["failure"]) == ("Failed", "rules-refused")
    assert [(each["what"], each["step"]) for each in told["steps"][-2:]] == [
        ("started", "determine"),
        ("failed", "determine"),
    ]
    assert (await door.send("POST", f"/cases/{case}/resume", who=OPERATOR)).status == 202
    await door.settle()
    again = await _told(door, case)
    assert (again["runtime"], again["failure"]) == ("Completed", None)
    assert "failed" not in {each["what"] for each in again["steps"]}
    assert _steps(again) == await _seen(door, case)
    assert again["execution"] == told["execution"], "it goes on, and was not started anew"


async def test_a_parked_case_says_what_it_waits_for(door: World) -> None:
    door.rules.available = False
    await door.submit(DECIDED)
    await door.advance(hours=1)
    told = await _told(door, case_of(DECIDED))
    assert (told["runtime"], told["standing"]["waitingFor"]) == ("Running", "operator")
    assert told["failure"] == told["standing"]["detail"].split(" ")[0]
    assert _steps(told) == await _seen(door, case_of(DECIDED))


async def test_an_instance_that_was_started_anew(door: World) -> None:
    await door.submit(DECIDED)
    await door.settle()
    before = await _told(door, case_of(DECIDED))
    await door.advance(hours=1)
    await door.host.durable.hub.restart(case_of(DECIDED), new_id=False)
    await door.settle()
    after = await _told(door, case_of(DECIDED))
    assert after["execution"] != before["execution"]
    assert [each["step"] for each in after["steps"]] == ["open-case", "open-case", ""], "the guard ends it at once"


async def test_what_is_told_holds_no_text_of_an_error(door: World) -> None:
    door.host.durable.fail("determine", 1, RuntimeError("defect:rules-refused and Jane Doe"))
    await door.submit(DECIDED)
    await door.settle()
    told = await _told(door, case_of(DECIDED))
    assert told["runtime"] == Status.FAILED
    assert "Jane" not in json.dumps(told)


@pytest.mark.parametrize("elapsed", [timedelta(0), timedelta(days=6)])
async def test_the_deadline_is_that_of_the_status(door: World, elapsed: timedelta) -> None:
    await door.submit(OPEN)
    await door.advance(seconds=elapsed.total_seconds())
    told = await _told(door, case_of(OPEN))
    assert told["due"] == (await door.custom(case_of(OPEN)))["due"]
