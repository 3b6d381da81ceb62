"""A dead letter is redriven or discarded, and the order of its key holds through all that may happen meanwhile."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from adapters.connections import connections
from adapters.events.memory import MemoryEvents
from adapters.fhir.base import Entry
from domain.errors import Malformed, NotFound, Problem, Unavailable
from domain.events.catalog import Topic
from domain.events.lane import EVENT_LANE, Lane, lane_key
from domain.events.letters import lane_of
from tests.support.ordered import POISON, TOPIC, Ordered, coverage_letter, crash_at, event, letters, parked
from tests.support.world import OPERATOR
from triggers import redrive
from triggers.event import Kind
from triggers.lanes import Lanes, place


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
