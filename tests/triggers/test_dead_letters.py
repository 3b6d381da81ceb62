"""Dead letters on the operator's desk: listed, redriven and discarded, and the order of a key through all of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from adapters.connections import Connections, connections
from adapters.events.base import Record
from adapters.events.memory import MemoryEvents
from adapters.fhir.base import Entry
from domain.errors import Malformed, NotFound, Problem, Unavailable
from domain.events.catalog import COVERAGE_CHANGED, Topic
from domain.events.data import DeadLetter, Parked
from domain.events.lane import EVENT_LANE, Lane, lane_key
from domain.events.letters import lane_of
from tests.support.incoming import MEMBERSHIP, put
from tests.support.ordered import POISON, TOPIC, Ordered, crash_at, event, letters, ordered, parked
from tests.support.world import AUDITOR, NURSE, OPERATOR, START, SUBMITTER
from triggers import lost_letters, redrive
from triggers.event import Kind
from triggers.lanes import Lanes, place
from triggers.lost_letters import restore_letters
from triggers.open_letters import open_letters, parked_words


@pytest.fixture
async def log() -> AsyncIterator[Ordered]:
    async with ordered() as running:
        yield running


async def coverage_letter(log: Ordered, number: int = 0) -> str:
    """A letter of a topic without order. Returns its id."""
    record = put(log.app, COVERAGE_CHANGED, MEMBERSHIP, {"coverage": f"Coverage/none{number}"}, key=f"m{number}")
    before = set(letters(log.app, Topic.COVERAGE))
    assert (await log.app.take(record)).kind is Kind.DEAD
    (new,) = set(letters(log.app, Topic.COVERAGE)) - before
    return new


# --- the list ---------------------------------------------------------------------------------------------------------


async def test_a_letter_tells_where_the_record_lies_and_why(log: Ordered) -> None:
    letter = await log.poison("bad")
    await log.come("b")
    at = letters(log.app)[letter]
    assert await log.listed() == [
        {
            "id": letter,
            "topic": TOPIC,
            "partition": at.partition,
            "offset": at.offset,
            "appended": START.isoformat(),
            "reason": "nothing-asked",
            "places": [],
            "lane": at.lane,
            "gone": False,
            "parked": 1,
        }
    ]


async def test_nothing_is_listed_when_nothing_is_wrong(log: Ordered) -> None:
    reply = await log.app.send("GET", "/dead-letters", who=OPERATOR)
    assert reply.json == {"items": [], "total": 0, "next": None}


async def test_the_newest_come_first_page_by_page(log: Ordered) -> None:
    made = []
    for number in range(7):
        made.append(await coverage_letter(log, number))
        await log.app.advance(seconds=number % 2)
    seen, page, totals = [], "", set()
    while page is not None:
        query = f"?count=3{'&page=' + page.replace('+', '%2B').replace('|', '%7C') if page else ''}"
        answer = (await log.app.send("GET", f"/dead-letters{query}", who=OPERATOR)).json
        seen += answer["items"]
        totals.add(answer["total"])
        page = answer["next"]
    assert totals == {7}
    assert [each["appended"] for each in seen] == sorted((each["appended"] for each in seen), reverse=True)
    assert sorted(each["id"] for each in seen) == sorted(made)
    oldest = await log.listed("?sort=appended&count=1")
    assert oldest[0]["appended"] == START.isoformat()


async def test_a_topic_is_chosen(log: Ordered) -> None:
    await log.poison("bad")
    other = await coverage_letter(log)
    assert [each["id"] for each in await log.listed(f"?topic={Topic.COVERAGE}")] == [other]
    assert len(await log.listed(f"?topic={Topic.COVERAGE},{TOPIC}")) == 2


@pytest.mark.parametrize(
    "query", ["?topic=members", "?count=0", "?page=third", "?page=2026-11-23T15:00:00|x", "?key=k"]
)
async def test_a_question_that_the_list_does_not_know_is_refused(log: Ordered, query: str) -> None:
    reply = await log.app.send("GET", f"/dead-letters{query}", who=OPERATOR)
    assert (reply.status, reply.code) == (400, "malformed")


@pytest.mark.parametrize(("who", "read", "act"), [(AUDITOR, 200, 403), (NURSE, 403, 403), (SUBMITTER, 403, 403)])
async def test_operators_act_and_auditors_look(log: Ordered, who: str, read: int, act: int) -> None:
    letter = await log.poison("bad")
    assert (await log.app.send("GET", "/dead-letters", who=who)).status == read
    assert [(await log.redrive(letter, verb, who)).status for verb in ("redrive", "discard")] == [act, act]
    assert letter in letters(log.app)


async def test_what_the_engine_did_not_write_is_no_letter(log: Ordered, caplog: pytest.LogCaptureFixture) -> None:
    letter = await log.poison("bad")
    (told,) = log.app.events.records(TOPIC.dead_letters)
    log.app.events.append(TOPIC.dead_letters, b"another key", told.value, told.headers)
    log.app.events.append(TOPIC.dead_letters, b"x", b"{}", told.headers)
    assert [each["id"] for each in await log.listed()] == [letter]
    assert caplog.text.count("not as the engine writes it") == 2


# --- redrive ----------------------------------------------------------------------------------------------------------


async def test_a_redrive_takes_the_record_and_then_what_waits_in_order(log: Ordered) -> None:
    letter = await log.poison("bad")
    for name in ("b", "c", "d"):
        await log.come(name)
    log.cure("bad")
    reply = await log.redrive(letter)
    assert (reply.status, reply.json) == (
        200,
        {"id": letter, "letter": "closed", "handled": 4, "parked": 0, "reason": None, "next": None},
    )
    assert log.recorder.taken == ["bad", "b", "c", "d"]
    assert (await log.lane(), letters(log.app), parked(log.app)) == (Lane(), {}, {})
    assert (await log.come("e")).kind is Kind.RAISED


async def test_a_lane_that_is_open_again_leaves_no_entity(log: Ordered) -> None:
    letter = await log.poison("bad")
    log.cure("bad")
    await log.redrive(letter)
    await log.app.settle()
    key = lane_key(TOPIC, str(lane_of(b"k")))
    assert await log.app.host.durable.hub.read_entity(EVENT_LANE, key) is None


async def test_a_record_that_is_still_refused_stays(log: Ordered) -> None:
    letter = await log.poison("bad")
    await log.come("b")
    log.recorder.faults["bad"] = Malformed([Problem(path="$.x", text="", code="value")], "not-parameters")
    reply = await log.redrive(letter)
    assert (reply.json["letter"], reply.json["reason"], reply.json["parked"]) == ("open", "not-parameters", 1)
    assert (letters(log.app)[letter].reason, letters(log.app)[letter].places) == ("not-parameters", ("$.x",))
    assert log.recorder.taken == []
    assert (await log.come("c")).kind is Kind.PARKED


async def test_a_parked_record_that_is_poison_is_the_next_letter(log: Ordered) -> None:
    letter = await log.poison("bad")
    for name in ("b", "worse", "d"):
        await log.come(name)
    log.cure("bad")
    log.recorder.faults["worse"] = POISON
    reply = (await log.redrive(letter)).json
    (following,) = letters(log.app)
    assert reply == {"id": letter, "letter": "closed", "handled": 2, "parked": 1, "reason": None, "next": following}
    assert [each["parked"] for each in await log.listed()] == [1]
    log.cure("worse")
    assert (await log.redrive(following)).json["letter"] == "closed"
    assert log.recorder.taken == ["bad", "b", "worse", "d"]


async def test_a_parked_record_of_nobody_known_is_a_letter_and_the_rest_goes_on(log: Ordered) -> None:
    letter = await log.poison("bad")
    stranger = event("stranger", source="urn:example:source:unheard-of")
    assert (await log.app.deliver(TOPIC, "k", stranger)).kind is Kind.PARKED
    await log.come("b")
    log.cure("bad")
    reply = await log.redrive(letter)
    assert (reply.json["letter"], reply.json["handled"], reply.json["next"]) == ("closed", 2, None)
    assert log.recorder.taken == ["bad", "b"]
    (left,) = letters(log.app).values()
    assert (left.reason, left.lane, await log.lane()) == ("unknown-source", None, Lane())


async def test_records_that_come_meanwhile_keep_the_order(log: Ordered) -> None:
    """A stream of records runs into the lane while an operator redrives it."""
    letter = await log.poison("n00")
    log.cure("n00")
    names = [f"n{number:02}" for number in range(1, 25)]
    for name in names[:8]:
        await log.come(name)

    async def stream() -> list[Kind]:
        return [(await log.come(name)).kind for name in names[8:]]

    kinds, reply = await asyncio.gather(stream(), log.redrive(letter))
    assert set(kinds) <= {Kind.PARKED, Kind.RAISED, Kind.EXISTS}, "exists: parked and drained between two looks"
    assert reply.json["letter"] == "closed"
    assert log.recorder.taken == ["n00", *names]
    assert (await log.lane(), parked(log.app)) == (Lane(), {})


async def test_two_operators_at_once_do_no_harm(log: Ordered) -> None:
    letter = await log.poison("bad")
    names = [f"n{number}" for number in range(6)]
    for name in names:
        await log.come(name)
    log.cure("bad")
    replies = await asyncio.gather(*(log.redrive(letter) for _ in range(4)))
    answers = {(each.status, each.json.get("letter") or each.code) for each in replies}
    assert (200, "closed") in answers
    assert answers <= {(200, "closed"), (409, "redriving"), (404, "dead-letter")}
    assert log.recorder.taken == ["bad", *names]
    assert (await log.lane(), letters(log.app)) == (Lane(), {})


async def test_an_operator_who_comes_a_moment_too_late_runs_nothing_again(
    log: Ordered, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = await log.poison("bad")
    log.cure("bad")
    take = Lanes.take
    turns = []

    async def late(self: Lanes, *given: Any) -> bool:
        turns.append(given)
        if len(turns) == 1:
            assert (await log.redrive(letter)).json["letter"] == "closed"
        return await take(self, *given)

    monkeypatch.setattr(Lanes, "take", late)
    with pytest.raises(NotFound):
        await deal(log, letter)
    assert log.recorder.seen == ["bad", "bad"]
    assert await log.lane() == Lane()


async def test_an_operator_whose_process_died_does_not_keep_the_turn(log: Ordered) -> None:
    letter = await log.poison("bad")
    log.cure("bad")
    lanes = Lanes(log.app.instances, TOPIC, letters(log.app)[letter].lane or "")
    assert await lanes.take("the dead", log.app.clock.now(), log.app.clock.now() + redrive.TURN)
    assert (await log.redrive(letter)).code == "redriving"
    await log.app.advance(minutes=3)
    assert (await log.redrive(letter)).json["letter"] == "closed"


async def test_a_letter_is_not_dealt_with_before_an_earlier_one_of_its_key(log: Ordered) -> None:
    first = await log.poison("bad")
    await log.come("worse")
    log.cure("bad")
    log.recorder.faults["worse"] = POISON
    with crash_at(Lanes, "release"):
        await deal(log, first)
    assert len(letters(log.app)) == 2
    (second,) = set(letters(log.app)) - {first}
    await log.app.advance(minutes=3)
    reply = await log.redrive(second)
    assert (reply.status, reply.code) == (409, "not-first")
    assert first in reply.json["detail"]
    assert (await log.redrive(first)).json["next"] == second


async def test_a_request_that_runs_long_answers_and_is_given_again(
    log: Ordered, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = await log.poison("bad")
    for name in ("b", "c"):
        await log.come(name)
    log.cure("bad")
    with monkeypatch.context() as patch:
        patch.setattr(redrive, "BUDGET", -1.0)
        reply = (await log.redrive(letter)).json
    assert (reply["letter"], reply["handled"], reply["parked"], reply["reason"]) == ("open", 1, 2, None)
    assert (await log.redrive(letter)).json["letter"] == "closed"
    assert log.recorder.taken == ["bad", "b", "c"]


async def test_a_redrive_while_something_is_away_stops_where_it_stands(log: Ordered) -> None:
    letter = await log.poison("bad")
    for name in ("b", "c"):
        await log.come(name)
    log.cure("bad")
    log.recorder.faults["c"] = Unavailable("fhir")
    assert (await log.redrive(letter)).status == 503
    log.cure("c")
    assert (await log.redrive(letter)).json["letter"] == "closed"
    assert log.recorder.taken == ["bad", "b", "c"]


async def test_a_letter_that_is_closed_or_never_was_is_not_found(log: Ordered) -> None:
    letter = await log.poison("bad")
    log.cure("bad")
    await log.redrive(letter)
    assert [(await log.redrive(each)).status for each in (letter, "unheard-of")] == [404, 404]


async def test_where_order_means_nothing_the_record_alone_is_taken(log: Ordered) -> None:
    letter = await coverage_letter(log)
    assert (await log.redrive(letter)).json["letter"] == "open"
    await log.app.fhir.transaction(coverage())
    assert (await log.redrive(letter)).json == {
        "id": letter,
        "letter": "closed",
        "handled": 1,
        "parked": 0,
        "reason": None,
        "next": None,
    }


# --- retention --------------------------------------------------------------------------------------------------------


def expire(log: Ordered, monkeypatch: pytest.MonkeyPatch, *offsets: int) -> None:
    """Retention took the records of the topic at ``offsets``."""
    read, bounds = log.app.events.read, log.app.events.bounds

    async def left(topic: str, partition: int, start: int, end: int, most: int = 500) -> Sequence[Record]:
        found = await read(topic, partition, start, end, most)
        return [each for each in found if topic != TOPIC or each.at.offset not in offsets]

    async def later(topic: str) -> Any:
        return {
            number: (len(offsets) if topic == TOPIC else first, end)
            for number, (first, end) in (await bounds(topic)).items()
        }

    monkeypatch.setattr(log.app.events, "read", left)
    monkeypatch.setattr(log.app.events, "bounds", later)


async def test_a_record_that_retention_took_is_told_and_can_be_given_up(
    log: Ordered, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = await log.poison("bad")
    await log.come("b")
    expire(log, monkeypatch, 0)
    assert [each["gone"] for each in await log.listed()] == [True]
    reply = await log.redrive(letter)
    assert (reply.status, reply.code) == (409, "record-gone")
    assert "send it again" in reply.json["detail"]
    assert (await log.redrive(letter, "discard")).json == {
        "id": letter,
        "letter": "closed",
        "handled": 1,
        "parked": 0,
        "reason": None,
        "next": None,
    }
    assert log.recorder.taken == ["b"]


async def test_a_parked_record_that_retention_took_is_a_letter_of_its_own(
    log: Ordered, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = await log.poison("bad")
    await log.app.advance(seconds=5)
    await log.come("b")
    await log.come("c")
    expire(log, monkeypatch, 0, 1)
    reply = (await log.redrive(letter, "discard")).json
    (following,) = letters(log.app).values()
    assert (reply["letter"], reply["handled"], reply["parked"]) == ("closed", 0, 1)
    assert (following.reason, following.appended_at) == ("record-gone", START + timedelta(seconds=5))


# --- discard ----------------------------------------------------------------------------------------------------------


async def test_a_discarded_record_is_never_taken_and_the_rest_is(log: Ordered) -> None:
    letter = await log.poison("bad")
    await log.come("b")
    log.cure("bad")
    assert (await log.redrive(letter, "discard")).json["handled"] == 1
    assert log.recorder.taken == ["b"]
    assert (await log.lane(), letters(log.app), parked(log.app)) == (Lane(), {}, {})


async def test_where_order_means_nothing_a_letter_is_just_closed(log: Ordered) -> None:
    letter = await coverage_letter(log)
    assert (await log.redrive(letter, "discard")).json["letter"] == "closed"
    assert letters(log.app, Topic.COVERAGE) == {}


async def test_every_act_is_logged_with_who_and_what(log: Ordered, caplog: pytest.LogCaptureFixture) -> None:
    letter = await log.poison("bad")
    with caplog.at_level(logging.INFO, "workflow.events"):
        await log.redrive(letter)
        await log.redrive(letter, "discard")
    lines = [each.getMessage() for each in caplog.records if OPERATOR in each.getMessage()]
    assert [line.split(" of ")[0] for line in lines] == [
        f"{OPERATOR} redrives the dead letter {letter}",
        f"{OPERATOR} discards the dead letter {letter}",
    ]


# --- the nightly audit -----------------------------------------------------------------------------------------------


async def _audit(log: Ordered, caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    master = log.app.host.keys.master
    assert (await log.app.send("POST", "/admin/functions/audit_cases", {}, key=master)).status == 202
    await log.app.settle()
    return [each.getMessage() for each in caplog.records if each.name == "workflow.sweep"]


async def test_the_audit_tells_how_many_letters_are_open(caplog: pytest.LogCaptureFixture) -> None:
    async with ordered(timers=True) as log:
        assert await _audit(log, caplog) == []
        for number in range(2):
            await coverage_letter(log, number)
        await log.poison("bad")
        assert await _audit(log, caplog) == [
            "dead letters are open: eligibility.changes 2, prior-authorization.attachments 1;"
            " see docs/events.md, Dead letters"
        ]
        log.app.events.answers = False
        assert await _audit(log, caplog) == []


async def test_a_letter_that_retention_took_before_anybody_dealt_with_it_is_written_again(log: Ordered) -> None:
    letter = await log.poison("bad")
    await log.app.advance(seconds=5)
    await log.come("b")
    assert await restore_letters(connections(), log.app.instances) == 0
    await log.app.events.forget(TOPIC.dead_letters, letter)
    assert await restore_letters(connections(), log.app.instances) == 1
    (found,) = await log.listed()
    assert (found["id"], found["reason"], found["appended"]) == (letter, "letter-lost", START.isoformat())
    log.cure("bad")
    assert (await log.redrive(letter)).json["handled"] == 2
    assert log.recorder.taken == ["bad", "b"]


async def test_a_letter_that_is_closed_meanwhile_is_not_lost(log: Ordered, monkeypatch: pytest.MonkeyPatch) -> None:
    letter = await log.poison("bad")
    await log.come("b")
    log.cure("bad")
    read = open_letters

    async def late(to: Connections) -> list[DeadLetter]:
        await log.redrive(letter)
        return await read(to)

    monkeypatch.setattr(lost_letters, "open_letters", late)
    monkeypatch.setattr(lost_letters, "parked_words", remembered(await parked_words(connections())))
    assert await restore_letters(connections(), log.app.instances) == 0
    assert letters(log.app) == {}


def remembered(words: list[Parked]) -> Callable[[Connections], Awaitable[list[Parked]]]:
    async def told(_: Connections) -> list[Parked]:
        return words

    return told


# --- crashes between every two steps; the operator asks again ---------------------------------------------------------


async def deal(log: Ordered, letter: str, *, discard: bool = False) -> None:
    """What the door does, in this process: for crashes."""
    await redrive.deal_with(letters(log.app)[letter], connections(), log.app.instances, discard=discard)


@pytest.mark.parametrize("discard", [False, True])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("holder", "step"),
    [
        (redrive, "attempt"),
        (redrive, "forget_parked"),
        (Lanes, "unpark"),
        (Lanes, "block"),
        (Lanes, "release"),
        (redrive, "forget_dead"),
        (MemoryEvents, "publish"),
        (MemoryEvents, "forget"),
        (Lanes, "take"),
    ],
)
async def test_whatever_breaks_off_the_same_request_goes_on(
    log: Ordered, holder: object, step: str, after: bool, discard: bool
) -> None:
    letter = await log.poison("bad")
    for name in ("b", "worse", "c"):
        await log.come(name)
    log.cure("bad")
    log.recorder.faults["worse"] = POISON
    with crash_at(holder, step, after=after):
        await deal(log, letter, discard=discard)
    await log.app.advance(minutes=3)
    if letter in letters(log.app):
        assert (await log.redrive(letter, "discard" if discard else "redrive")).json["letter"] == "closed"
    await log.come("d")
    (following,) = letters(log.app)
    log.cure("worse")
    assert (await log.redrive(following)).json["letter"] == "closed"
    assert log.recorder.taken == [*([] if discard else ["bad"]), "b", "worse", "c", "d"]
    assert (letters(log.app), parked(log.app)) == ({}, {})
    lane = await log.lane()
    assert (lane.letters, lane.parked) == ((), ())


async def test_a_letter_that_an_operator_closes_before_its_lane_stopped_never_stops_it(log: Ordered) -> None:
    """Published, and the consumer slept; the operator was quicker."""
    log.recorder.faults["bad"] = POISON
    record = log.put("bad")
    with crash_at(Lanes, "block"):
        await log.app.take(record)
    (letter,) = letters(log.app)
    assert (await log.redrive(letter, "discard")).json["letter"] == "closed"
    await Lanes(log.app.instances, TOPIC, str(lane_of(record.key))).block(place(record.at))
    assert (await log.lane()).letters == ()
    assert (await log.come("b")).kind is Kind.RAISED


def coverage() -> list[Entry]:
    """The Coverage that an event named too early."""
    resource = {
        "resourceType": "Coverage",
        "id": "none0",
        "status": "active",
        "beneficiary": {"reference": "Patient/p"},
        "payor": [{"reference": "Organization/payer"}],
    }
    return [Entry("PUT", "Coverage/none0", resource)]
