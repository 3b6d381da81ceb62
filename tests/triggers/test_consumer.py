"""The path of a record: taken once, in the order of its key, poison told by reference, nothing lost in a crash."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from typing import Any

import pytest

from adapters.events.memory import MemoryEvents
from domain.errors import Defect, Malformed, Problem, Unavailable
from domain.events.catalog import COVERAGE_CHANGED, Topic
from domain.events.cloud_event import Headers, header, to_headers, to_value
from domain.events.lane import Lane, Place
from domain.events.letters import lane_of, position_id
from tests.support.incoming import MEMBERSHIP, put
from tests.support.ordered import POISON, TOPIC, Ordered, crash_at, event, letters, parked
from tests.support.world import OPERATOR, START
from triggers import consumer
from triggers import letters as letters_module
from triggers.event import Kind
from triggers.lanes import Lanes


async def test_a_good_record_is_taken_and_nothing_is_told(log: Ordered) -> None:
    assert (await log.come("a")).kind is Kind.RAISED
    assert (await log.come("b")).kind is Kind.RAISED
    assert log.recorder.taken == ["a", "b"]
    assert set(log.app.events.topics) == {TOPIC}
    assert await log.lane() == Lane()


async def test_poison_is_told_by_reference_before_its_lane_stops(log: Ordered) -> None:
    letter_id = await log.poison("bad")
    (record,) = log.app.events.records(TOPIC)
    assert letter_id == position_id(TOPIC, record.at.partition, record.at.offset)
    letter = letters(log.app)[letter_id]
    assert (letter.topic, letter.partition, letter.offset) == (TOPIC, record.at.partition, record.at.offset)
    assert (letter.reason, letter.appended_at, letter.lane) == ("nothing-asked", START, lane_of(b"k"))
    (told,) = log.app.events.records(TOPIC.dead_letters)
    assert header(told.headers, "ce_type") == "dead-letter.v1"
    assert header(told.headers, "ce_id") == letter_id
    assert (await log.lane()).letters == (Place(record.at.partition, record.at.offset),)


async def test_what_follows_poison_of_its_key_is_parked_and_other_keys_go_on(log: Ordered) -> None:
    await log.poison("bad")
    assert [(await log.come(name)).kind for name in ("b", "c")] == [Kind.PARKED, Kind.PARKED]
    assert (await log.come("other", key="x")).kind is Kind.RAISED
    assert log.recorder.seen == ["bad", "other"]
    assert [each.offset for each in parked(log.app).values()] == [at.offset for at in (await log.lane()).parked]
    assert len(parked(log.app)) == 2
    assert len(letters(log.app)) == 1


STRANGER = event("bad", source="urn:example:source:unheard-of")


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (to_value(STRANGER), to_headers(STRANGER), "unknown-source"),
        (b" " * 2_000_001, to_headers(STRANGER), "unknown-source"),
        (b"{}", (), "not-a-cloud-event"),
    ],
)
async def test_who_is_not_known_holds_up_nobodys_key(log: Ordered, value: bytes, headers: Headers, reason: str) -> None:
    assert (await log.app.deliver(TOPIC, "k", value, headers)).kind is Kind.DEAD
    (letter,) = letters(log.app).values()
    assert (letter.reason, letter.lane, await log.lane()) == (reason, None, Lane())
    assert (await log.come("good")).kind is Kind.RAISED


async def test_what_is_not_of_its_schema_holds_up_the_key_of_its_source(log: Ordered) -> None:
    await log.app.deliver(TOPIC, "k", b"{}", to_headers(event("bad")))
    assert (await log.come("good")).kind is Kind.PARKED


async def test_a_key_that_is_not_text_has_one_lane_whoever_reads_it(log: Ordered) -> None:
    """The trigger gives text, the log bytes."""
    raw = b"k\xff\xe2\x82"
    log.recorder.faults["bad"] = POISON
    bad, good = (
        log.app.events.append(TOPIC, raw, to_value(event(name)), to_headers(event(name))) for name in ("bad", "good")
    )
    by_trigger = replace(bad, key=raw.decode(errors="replace").encode())
    assert (await log.app.take(by_trigger)).kind is Kind.DEAD
    body = {"run": "r", "dry": True, "positions": [asdict(good.at)]}
    (outcome,) = (await log.app.send("POST", "/replays", body, who=OPERATOR)).json["outcomes"]
    assert outcome["kind"] == "parked"


async def test_records_without_a_key_have_no_order(log: Ordered) -> None:
    log.recorder.faults["bad"] = Defect("x")
    good, bad = event("good"), event("bad")
    assert (await log.app.deliver(TOPIC, None, bad)).kind is Kind.DEAD
    assert (await log.app.deliver(TOPIC, None, good)).kind is Kind.RAISED
    assert next(iter(letters(log.app).values())).lane is None


async def test_where_order_means_nothing_no_key_waits(log: Ordered) -> None:
    missing = put(log.app, COVERAGE_CHANGED, MEMBERSHIP, {"coverage": "Coverage/none"})
    assert (await log.app.take(missing)).kind is Kind.DEAD
    assert (await log.app.take(missing)).kind is Kind.DEAD
    (letter,) = letters(log.app, Topic.COVERAGE).values()
    assert (letter.reason, letter.lane) == ("reference", None)


async def test_a_type_that_nobody_handles_is_ignored_and_waits_for_nothing(log: Ordered) -> None:
    await log.poison("bad")
    other = event(type="attachment.withdrawn.v1")
    assert (await log.app.deliver(TOPIC, "k", other)).kind is Kind.IGNORED
    assert (await log.app.deliver("another.topic", "k", event())).kind is Kind.IGNORED


@pytest.mark.parametrize("fault", [Unavailable("fhir"), Unavailable("durable"), Unavailable("case-busy")])
async def test_what_is_away_keeps_the_record(log: Ordered, fault: Unavailable) -> None:
    log.recorder.faults["a"] = fault
    record = log.put("a")
    with pytest.raises(Unavailable):
        await log.app.take(record)
    assert not letters(log.app)
    log.cure("a")
    assert (await log.app.take(record)).kind is Kind.RAISED


async def test_a_letter_that_cannot_be_told_keeps_the_record(log: Ordered) -> None:
    log.recorder.faults["a"] = Malformed([Problem(path="$", text="")])
    record, log.app.events.answers = log.put("a"), False
    with pytest.raises(Unavailable, match="events"):
        await log.app.take(record)
    assert await log.lane() == Lane()


async def test_a_fault_of_ours_is_a_letter_with_its_place_in_the_log(
    log: Ordered, caplog: pytest.LogCaptureFixture
) -> None:
    log.recorder.faults["a"] = KeyError("Rivera, Maria 1931-02-17")
    with caplog.at_level(logging.ERROR, "workflow.triggers"):
        assert (await log.come("a")).kind is Kind.DEAD
    assert next(iter(letters(log.app).values())).reason == "defect"
    (line,) = (each.getMessage() for each in caplog.records if each.name == "workflow.triggers")
    assert "KeyError" in line
    assert "ordered.py" in line
    assert "Rivera" not in caplog.text


async def test_a_crash_before_the_letter_is_told_changes_nothing(log: Ordered) -> None:
    log.recorder.faults["bad"] = Defect("x")
    record = log.put("bad")
    with crash_at(MemoryEvents, "publish"):
        await log.app.take(record)
    assert not letters(log.app)
    assert (await log.app.take(record)).kind is Kind.DEAD
    assert len(letters(log.app)) == 1


async def test_a_crash_between_letter_and_lane_writes_the_same_letter_again(log: Ordered) -> None:
    log.recorder.faults["bad"] = Defect("x")
    record = log.put("bad")
    with crash_at(Lanes, "block"):
        await log.app.take(record)
    assert (len(letters(log.app)), await log.lane()) == (1, Lane())
    assert (await log.app.take(record)).kind is Kind.DEAD
    assert (len(letters(log.app)), len((await log.lane()).letters)) == (1, 1)
    assert (await log.come("b")).kind is Kind.PARKED


async def test_a_crash_between_lane_and_offset_finds_the_lane_stopped_by_the_record_itself(log: Ordered) -> None:
    log.recorder.faults["bad"] = Defect("x")
    record = log.put("bad")
    with crash_at(Lanes, "block", after=True):
        await log.app.take(record)
    assert (await log.app.take(record)).kind is Kind.DEAD
    assert (log.recorder.seen, parked(log.app)) == (["bad"], {})


async def test_a_crash_between_parking_and_its_word_tells_it_the_next_time(log: Ordered) -> None:
    await log.poison("bad")
    record = log.put("b")
    with crash_at(consumer, "tell_parked"):
        await log.app.take(record)
    assert not parked(log.app)
    assert (await log.app.take(record)).kind is Kind.PARKED
    assert (await log.app.take(record)).kind is Kind.PARKED
    assert (len(parked(log.app)), len((await log.lane()).parked)) == (1, 1)


async def test_records_before_the_letter_that_come_again_are_found_done(log: Ordered) -> None:
    early = log.put("early")
    await log.app.take(early)
    await log.poison("bad")
    late = log.put("late")
    assert (await log.app.take(late)).kind is Kind.PARKED
    assert (await log.app.take(early)).kind is Kind.EXISTS


async def test_a_lane_that_opens_while_a_record_is_about_to_wait_lets_it_through(
    log: Ordered, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = await log.poison("bad")
    log.cure("bad")
    park = Lanes.park

    async def late(self: Lanes, at: Place) -> bool:
        await log.redrive(letter)
        return await park(self, at)

    monkeypatch.setattr(Lanes, "park", late)
    assert (await log.come("b")).kind is Kind.RAISED
    assert log.recorder.taken == ["bad", "b"]
    assert not parked(log.app)


async def test_a_record_that_was_drained_before_it_was_told_to_wait_leaves_no_word(
    log: Ordered, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = await log.poison("bad")
    log.cure("bad")
    tell = letters_module.tell_parked

    async def late(*given: Any) -> None:
        assert (await log.redrive(letter)).json["handled"] == 2
        await tell(*given)

    monkeypatch.setattr(consumer, "tell_parked", late)
    assert (await log.come("b")).kind is Kind.PARKED
    assert log.recorder.taken == ["bad", "b"]
    assert not parked(log.app)


async def test_an_entity_that_shows_nothing_keeps_the_record(log: Ordered, monkeypatch: pytest.MonkeyPatch) -> None:
    log.recorder.faults["bad"] = Defect("x")
    monkeypatch.setattr("triggers.lanes.PATIENCE", 0.05)

    async def lost(*given: Any) -> None:
        """A signal that never arrives."""

    monkeypatch.setattr("triggers.instances.Instances.signal", lost)
    with pytest.raises(Unavailable, match="durable"):
        await log.come("bad")
