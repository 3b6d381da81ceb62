"""Headers of real messages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition

from host.kafka.headers import headers
from tests.host.kafka.conftest import Broker

HOT = 100
"""Calls after which CPython runs the quick forms of what it runs."""


@pytest.fixture
def reader(broker: Broker, topic: str) -> Iterator[Consumer]:
    made = Consumer({"bootstrap.servers": broker.address, "group.id": topic})
    made.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    yield made
    made.close()


def read(reader: Consumer, count: int) -> list[Message]:
    messages: list[Message] = reader.consume(count, 60)
    assert [each.error() for each in messages] == [None] * count
    return messages


def test_names_and_values(broker: Broker, topic: str, reader: Consumer) -> None:
    broker.send(topic, b"v", partition=0, headers=[("a", b"\xff"), ("b", None), ("a", "text")])
    broker.send(topic, b"v", partition=0)
    with_some, without = read(reader, 2)
    assert headers(with_some) == (("a", b"\xff"), ("b", b""), ("a", b"text"))
    assert headers(without) == ()


def test_name_that_is_no_text(broker: Broker, topic: str, reader: Consumer) -> None:
    broker.send(topic, *[b"v"] * HOT, partition=0, headers={"a": b"1"})
    for _ in range(2):
        broker.cluster.send_raw(topic, b"v", {b"ok": b"1", b"b\xff": b"2"})
    *good, first, second = read(reader, HOT + 2)
    assert {headers(each) for each in good} == {(("a", b"1"),)}
    assert headers(first) == headers(second) == ()
