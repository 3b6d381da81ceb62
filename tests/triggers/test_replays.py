"""``POST /replays``: what became of each record, what a dry run leaves alone, what is refused."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.events.base import Position
from domain.errors import Unavailable
from domain.events.catalog import Topic
from domain.events.lane import EVENT_LANE, lane_key
from tests.support.incoming import attachment_record, decision_record, listening, request_record
from tests.support.samples import attachment, request
from tests.support.world import AUDITOR, OPERATOR, SUBMITTER, Reply, World, case_of
from triggers import deliver as delivery
from triggers import letters
from triggers.lanes import place

BUNDLE = request("approved-at-once")
VALUE = {"valueQuantity": {"value": 84, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}


@pytest.fixture
async def app() -> AsyncIterator[World]:
    async with listening() as running:
        yield running


async def replay(app: World, *at: Position, dry: bool = False, who: str = OPERATOR) -> Reply:
    positions = [{"topic": each.topic, "partition": each.partition, "offset": each.offset} for each in at]
    reply = await app.send("POST", "/replays", {"run": "run-1", "dry": dry, "positions": positions}, who=who)
    await app.settle()
    return reply


async def outcomes(app: World, *at: Position, dry: bool = False) -> list[tuple[str, str | None]]:
    reply = await replay(app, *at, dry=dry)
    assert reply.status == 200, reply.text
    return [(each["kind"], each["case"] or each.get("reason")) for each in reply.json["outcomes"]]


async def test_a_record_is_delivered_and_then_found_done(app: World) -> None:
    at, case = (await request_record(app, BUNDLE)).at, case_of(BUNDLE)
    assert await outcomes(app, at) == [("started", case)]
    assert (await app.record(case)).state == "approved"
    assert await outcomes(app, at) == [("exists", case)]


async def test_a_dry_run_tells_and_does_nothing(app: World) -> None:
    at, case = (await request_record(app, BUNDLE)).at, case_of(BUNDLE)
    before = await app.all("Task")
    assert await outcomes(app, at, dry=True) == [("started", case)]
    assert await app.all("Task") == before
    assert await outcomes(app, at) == [("started", case)], "so it still does when it is meant"


async def test_what_an_event_tells_a_case_that_waits(app: World) -> None:
    asked, pended = request("information-requested"), request("pended-then-approved")
    await app.submit(asked)
    await app.submit(pended)
    await app.settle()
    tracking = (await app.record(case_of(asked))).tracking_number
    sent = (await attachment_record(app, attachment(tracking, "59408-5", VALUE))).at
    decided = (await decision_record(app, await app.task(case_of(pended)), {"decision": "approve"})).at
    told = [("raised", case_of(asked)), ("raised", case_of(pended))]
    assert await outcomes(app, sent, decided, dry=True) == told
    assert (await app.record(case_of(asked))).state == "information-requested"
    assert await outcomes(app, sent, decided) == told
    assert {(await app.record(case)).state for _, case in told} == {"approved"}
    assert await outcomes(app, sent, decided) == [("exists", case) for _, case in told]


async def test_a_rejected_record_is_told_with_places_and_leaves_no_letter(app: World) -> None:
    broken = app.events.append(Topic.REQUESTS, b"k", b"{", (("ce_id", b"1"),)).at
    stranger = (await request_record(app, BUNDLE, organization="nobody")).at
    reply = await replay(app, broken, stranger)
    first, second = reply.json["outcomes"]
    assert first == {
        "topic": Topic.REQUESTS, "partition": broken.partition, "offset": broken.offset, "kind": "rejected",
        "case": None, "reason": "not-a-cloud-event",
        "places": ["headers.ce_specversion", "headers.ce_source", "headers.ce_type"],
    }  # fmt: skip
    assert (second["kind"], second["reason"]) == ("rejected", "organization")
    assert Topic.REQUESTS.dead_letters not in app.events.topics


async def test_positions_that_hold_nothing_are_told(app: World) -> None:
    at = (await request_record(app, BUNDLE)).at
    assert await outcomes(
        app,
        Position(at.topic, at.partition, 99),
        Position(at.topic, 99, 0),
        Position(Topic.COVERAGE, 0, 0),
        Position(Topic.EVENTS, 0, 0),
        Position("no-such-topic", 0, 0),
        at,
    ) == [
        ("rejected", "offset"),
        *[("rejected", "topic")] * 4,
        ("started", case_of(BUNDLE)),
    ]


async def test_many_records_are_delivered_whatever_their_gaps_and_order(app: World) -> None:
    stay = [app.events.append(Topic.REQUESTS, b"k", b"{}", (("ce_type", b"x"),)).at for _ in range(90)]
    asked = [stay[50], *stay[:45], *stay[46:50:2], stay[3], Position(stay[0].topic, stay[0].partition, 90), stay[89]]
    assert await outcomes(app, *asked) == [("ignored", None)] * (len(asked) - 2) + [
        ("rejected", "offset"), ("ignored", None),
    ]  # fmt: skip


async def test_what_waits_behind_a_dead_letter_is_left_to_its_redrive(app: World) -> None:
    asked = request("information-requested")
    await app.submit(asked)
    await app.settle()
    tracking = (await app.record(case_of(asked))).tracking_number
    poison = app.events.append(Topic.ATTACHMENTS, b"k", b"{", (("ce_id", b"1"), ("ce_type", b"attachment.received.v1")))
    later = await attachment_record(app, attachment(tracking, "59408-5", VALUE))
    lane = lane_key(Topic.ATTACHMENTS, str(letters.ordered_lane(poison)))
    block = json.dumps({"place": place(poison.at)})
    await app.host.durable.hub.signal_entity(EVENT_LANE, lane, "block", block)
    await app.settle()
    assert await outcomes(app, poison.at, later.at) == [("rejected", "not-a-cloud-event"), ("parked", None)]
    assert (await app.record(case_of(asked))).state == "information-requested"


async def test_a_fault_of_ours_is_one_records_outcome(app: World, monkeypatch: pytest.MonkeyPatch) -> None:
    at = (await request_record(app, BUNDLE)).at

    async def broken(*_: object, **__: object) -> None:
        raise KeyError("zebracanary")

    monkeypatch.setattr(letters, "deliver", broken)
    reply = await replay(app, at)
    assert (reply.status, reply.json["outcomes"][0]["reason"]) == (200, "defect")
    assert "zebracanary" not in reply.text


async def test_a_system_that_is_away_is_503_and_the_request_may_be_repeated(
    app: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = (await request_record(app, BUNDLE)).at
    second = (await request_record(app, request("approved-expedited"))).at
    real = delivery.deliver

    async def flaky(record: Any, *rest: Any, **options: Any) -> Any:
        if record.at == second:
            raise Unavailable("fhir", "gone")
        return await real(record, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(letters, "deliver", flaky)
        reply = await replay(app, first, second)
    assert (reply.status, reply.code) == (503, "fhir")
    assert [kind for kind, _ in await outcomes(app, first, second)] == ["exists", "started"]


async def test_a_broker_that_is_away_is_503(app: World) -> None:
    at = (await request_record(app, BUNDLE)).at
    app.events.answers = False
    reply = await replay(app, at)
    assert (reply.status, reply.code) == (503, "events")
    app.events.answers = True
    assert await outcomes(app, at) == [("started", case_of(BUNDLE))]


async def test_the_log_names_the_run_and_the_position(app: World, caplog: pytest.LogCaptureFixture) -> None:
    at = (await request_record(app, BUNDLE)).at
    with caplog.at_level(logging.INFO, "workflow.events"):
        await replay(app, at, dry=True)
    assert f"replay run-1 (dry run): {at} started {case_of(BUNDLE)}" in caplog.messages


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ([], [""]),
        ({}, ["/run", "/positions"]),
        ({"run": "a b", "positions": []}, ["/run", "/positions"]),
        ({"run": "r", "positions": [{"topic": "t", "partition": 0, "offset": 0}], "dry": "no"}, ["/dry"]),
        ({"run": "r", "positions": [{"topic": "t", "partition": -1, "offset": 0}]}, ["/positions"]),
        ({"run": "r", "positions": [{"topic": "t", "partition": 0, "offset": 0, "value": "{}"}]}, ["/positions"]),
        ({"run": "r", "positions": [{"topic": "t", "partition": 0, "offset": n} for n in range(101)]}, ["/positions"]),
        ({"run": "r", "positions": [{"topic": "t", "partition": 0, "offset": 0}], "more": 1}, [""]),
    ],
)
async def test_a_body_that_is_wrong_is_told_by_its_places(app: World, body: object, paths: list[str]) -> None:
    reply = await app.send("POST", "/replays", body, who=OPERATOR)
    assert (reply.status, reply.code) == (400, "malformed")
    assert [problem["path"] for problem in reply.json["errors"]] == paths


@pytest.mark.parametrize("who", [SUBMITTER, AUDITOR])
async def test_only_operators_replay(app: World, who: str) -> None:
    assert (await replay(app, Position(Topic.REQUESTS, 0, 0), who=who)).status == 403
