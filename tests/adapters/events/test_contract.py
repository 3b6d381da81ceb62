"""What every ``Publisher`` and ``Log`` does, on the twin and on the real broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from adapters.events.base import Log, Publisher, Record
from adapters.events.kafka import KafkaLog, KafkaPublisher
from adapters.events.memory import MemoryEvents
from adapters.events.security import brokers
from domain.errors import NotFound, Unavailable
from domain.events.cloud_event import Attributes, CloudEvent, read_attributes
from tests.adapters.events.broker import Broker
from tests.stack.servers import WAIT


@dataclass
class Side:
    """A log and what writes to it."""

    publisher: Publisher
    hasty: Publisher
    """One that gives up soon."""
    log: Log
    topic: str
    away: Callable[[], None]
    back: Callable[[], None]


def event(number: int = 1) -> CloudEvent:
    return CloudEvent(
        id=f"e-{number}",
        source="urn:workflow-engine:payer",
        type="prior-authorization.decided.v1",
        subject="Task/1",
        time=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        data={"number": number},
    )


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.integration)])
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    if request.param == "memory":
        events = MemoryEvents()
        events.topics["t"] = [[], [], []]
        yield Side(events, events, events, "t", lambda: setattr(events, "answers", False), lambda: _answer(events))
        return
    broker: Broker = request.getfixturevalue("broker")
    given = brokers(broker.settings)
    publisher, log = KafkaPublisher(given, timeout=WAIT), KafkaLog(given, timeout=WAIT)
    hasty = KafkaPublisher(given, timeout=1)
    yield Side(publisher, hasty, log, broker.topic(), broker.kill, broker.start)
    for each in (publisher, hasty, log):
        await each.aclose()


def _answer(events: MemoryEvents) -> None:
    events.answers = True


async def kept(side: Side) -> list[Record]:
    """All records, by partition."""
    bounds = await side.log.bounds(side.topic)
    return [record for number, (start, end) in bounds.items() for record in await all_of(side, number, start, end)]


async def all_of(side: Side, partition: int, start: int, end: int) -> list[Record]:
    """A range, page by page."""
    found: list[Record] = []
    while page := await side.log.read(side.topic, partition, start, end, most=3):
        found += page
        start = page[-1].at.offset + 1
    return found


async def test_what_is_published_is_read(side: Side) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    await side.publisher.publish(side.topic, "case-1", event())
    (record,) = await kept(side)
    assert (record.key, record.value) == (b"case-1", b'{"number":1}')
    assert read_attributes(record.headers) == Attributes(**event().model_dump())
    assert ("content-type", b"application/json") in record.headers
    assert before < record.appended < datetime.now(UTC) + timedelta(seconds=5)


async def test_equal_keys_keep_their_order(side: Side) -> None:
    for number in range(12):
        await side.publisher.publish(side.topic, f"case-{number % 4}", event(number))
    found = await kept(side)
    for key in (b"case-0", b"case-1", b"case-2", b"case-3"):
        mine = [record for record in found if record.key == key]
        assert len({record.at.partition for record in mine}) == 1
        assert [record.value for record in mine] == [b'{"number":%d}' % n for n in range(int(key[-1:]), 12, 4)]


async def test_a_tombstone_has_no_value(side: Side) -> None:
    await side.publisher.publish(side.topic, "letter", event())
    await side.publisher.forget(side.topic, "letter")
    assert [(record.key, record.value is None) for record in await kept(side)] == [
        (b"letter", False),
        (b"letter", True),
    ]


async def test_hints_arrive_without_being_waited_for(side: Side) -> None:
    for number in range(20):
        side.publisher.hint(side.topic, f"case-{number}", event(number))
    await side.publisher.publish(side.topic, "last", event(99))
    by = asyncio.get_running_loop().time() + WAIT
    while len(found := await kept(side)) < 21:
        assert asyncio.get_running_loop().time() < by
    assert len({record.value for record in found}) == 21


async def test_a_range_is_read_in_pages_and_no_further(side: Side) -> None:
    for number in range(8):
        await side.publisher.publish(side.topic, "case", event(number))
    partition, (start, end) = next((n, b) for n, b in (await side.log.bounds(side.topic)).items() if b[1])
    assert (start, end) == (0, 8)
    offsets = [record.at.offset for record in await all_of(side, partition, 2, 7)]
    assert offsets == [2, 3, 4, 5, 6]
    assert [r.at.offset for r in await side.log.read(side.topic, partition, 6, 1_000)] == [6, 7]
    assert await side.log.read(side.topic, partition, 8, 1_000) == []
    assert await side.log.read(side.topic, partition, 5, 5) == []


async def test_a_time_gives_the_first_offset_from_then_on(side: Side) -> None:
    for number in range(3):
        await side.publisher.publish(side.topic, "case", event(number))
        await asyncio.sleep(0.01)
    partition, first = next((record.at.partition, record) for record in await kept(side))
    records = await side.log.read(side.topic, partition, 0, 3)
    assert (await side.log.offsets_at(side.topic, first.appended))[partition] == 0
    assert (await side.log.offsets_at(side.topic, records[1].appended))[partition] == 1
    assert (await side.log.offsets_at(side.topic, first.appended + timedelta(microseconds=1)))[partition] == 1
    later = await side.log.offsets_at(side.topic, datetime.now(UTC) + timedelta(hours=1))
    assert later[partition] == 3
    assert set(later) == {0, 1, 2}


async def test_what_does_not_exist_is_not_found(side: Side) -> None:
    with pytest.raises(NotFound, match="topic"):
        await side.log.bounds("nowhere")
    with pytest.raises(NotFound, match="topic"):
        await side.log.offsets_at("nowhere", datetime.now(UTC))
    with pytest.raises(NotFound, match="topic"):
        await side.log.read("nowhere", 0, 0, 5)
    with pytest.raises(NotFound, match="topic"):
        await side.log.read(side.topic, 77, 0, 5)


async def test_ready_when_it_answers(side: Side) -> None:
    await side.publisher.ready()


async def test_what_is_published_through_an_outage_is_not_lost(side: Side) -> None:
    """The callers try again, as activities do, while the log is away and comes back with what it had."""
    refused = asyncio.Event()

    async def one(number: int) -> None:
        while True:
            try:
                await side.hasty.publish(side.topic, f"case-{number}", event(number))
                return
            except Unavailable:
                refused.set()
                await asyncio.sleep(0.05)

    for number in range(10):
        await one(number)
    under_way = [asyncio.create_task(one(number)) for number in range(10, 20)]
    await asyncio.to_thread(side.away)
    under_way += [asyncio.create_task(one(number)) for number in range(20, 40)]
    await refused.wait()
    await asyncio.to_thread(side.back)
    await asyncio.gather(*under_way)
    assert {record.value for record in await kept(side)} == {b'{"number":%d}' % number for number in range(40)}
