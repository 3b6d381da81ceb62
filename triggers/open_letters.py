"""Which dead letters are open, and what is told of parked records: read from their compacted topics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Final, TypeVar

from adapters.connections import Connections
from adapters.events.base import Log, Position, Record
from domain.errors import Malformed, NotFound
from domain.events.catalog import INCOMING, ORDERED, Topic
from domain.events.cloud_event import read_data
from domain.events.data import DeadLetter, Parked
from triggers.letters import id_of

LOG: Final = logging.getLogger("workflow.events")
Told = TypeVar("Told", DeadLetter, Parked)


def position(told: DeadLetter | Parked) -> Position:
    """Where the record lies of which is told."""
    return Position(told.topic, told.partition, told.offset)


async def open_letters(to: Connections, *topics: Topic) -> list[DeadLetter]:
    """The open letters of ``topics``, of all by default. Raises ``Unavailable('events')``."""
    wanted = topics or INCOMING
    found = await asyncio.gather(*(_kept(to.log, topic, topic.dead_letters, DeadLetter) for topic in wanted))
    return [letter for letters in found for letter in letters]


async def open_letter(to: Connections, letter_id: str, *topics: Topic) -> DeadLetter:
    """The open letter of that id, among those of ``topics``. Raises ``NotFound('dead-letter')`` and
    ``Unavailable('events')``."""
    for letter in await open_letters(to, *topics):
        if id_of(position(letter)) == letter_id:
            return letter
    raise NotFound("dead-letter", "there is no open dead letter of this id")


async def parked_words(to: Connections) -> list[Parked]:
    """What is told of records that wait, of all topics with an order. Raises ``Unavailable('events')``."""
    topics = sorted(ORDERED)
    found = await asyncio.gather(*(_kept(to.log, topic, topic.parked, Parked) for topic in topics))
    return [word for words in found for word in words]


async def parked_at(to: Connections, at: Position) -> Parked | None:
    """What is told of the parked record there. Raises ``Unavailable('events')``."""
    return next((each for each in await parked_words(to) if position(each) == at), None)


async def _kept(log: Log, source: Topic, topic: str, model: type[Told]) -> list[Told]:
    """The last word on each key of a compacted topic, tombstones left out."""
    kept: dict[bytes | None, Told] = {}
    async for record in _all(log, topic):
        kept.pop(record.key, None)
        if record.value and (told := _read(record.key, record.value, source, model)):
            kept[record.key] = told
    return list(kept.values())


async def _all(log: Log, topic: str) -> AsyncIterator[Record]:
    """All records, in the order of their keys. None of a topic that does not exist: nothing was ever told."""
    try:
        bounds = await log.bounds(topic)
    except NotFound:
        return
    for partition, (first, end) in bounds.items():
        following = first
        while following < end and (records := await log.read(topic, partition, following, end)):
            for record in records:
                yield record
            following = records[-1].at.offset + 1


def _read(key: bytes | None, value: bytes, source: Topic, model: type[Told]) -> Told | None:
    """What the engine wrote; ``None``, and a line in the log, for what it did not write so."""
    try:
        told: Told = read_data(value, model)
    except Malformed:
        told_right = False
    else:
        told_right = told.topic == source and key == id_of(position(told)).encode()
    if told_right:
        return told
    LOG.error("a record of the letters of %s is not as the engine writes it and is left out", source)
    return None
