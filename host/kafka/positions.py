"""How far a group has come in the partitions that a consumer holds, and where they end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

from host.kafka.record import Held

ANSWER = 1.0
"""Seconds that a broker gets to tell the offsets of a group."""
_UNKNOWN = (-1, -1)


def ends(consumer: Consumer, partitions: Iterable[Held], from_first: bool) -> list[tuple[Held, int | None]]:
    """The end of each partition; on the way, positions where none is known yet.

    ``from_first``: a group without an offset of its own begins with the first record, not with the next.
    """
    marks = {held: _marks(consumer, held) for held in partitions}
    new = {held: mark for held, mark in marks.items() if mark[1] >= 0 and held.position is None and not held.asked}
    if new:
        _ask_positions(consumer, new, from_first)
    return [(held, high if high >= 0 else None) for held, (_, high) in marks.items()]


def _marks(consumer: Consumer, held: Held) -> tuple[int, int]:
    """First and next offset of a partition, as the library last heard; negative: not yet."""
    try:
        return consumer.get_watermark_offsets(_place(held), cached=True) or _UNKNOWN
    except KafkaException:
        return _UNKNOWN


def _ask_positions(consumer: Consumer, marks: Mapping[Held, tuple[int, int]], from_first: bool) -> None:
    """Where the group left off."""
    for held in marks:
        held.asked = True
    try:
        told = consumer.committed([_place(held) for held in marks], timeout=ANSWER)
    except KafkaException:
        return
    answers = {each.partition: each.offset for each in told}
    for held, (low, high) in marks.items():
        committed = answers[held.partition]
        if committed >= 0:
            held.position = committed
        elif low == high or (from_first and low >= 0):
            held.position = low


def _place(held: Held) -> TopicPartition:
    return TopicPartition(held.topic, held.partition)
