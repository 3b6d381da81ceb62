"""A Kafka broker in the test's own process (librdkafka's mock cluster) and apps made on the spot."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

PARTITIONS = 4
"""Of topics that the mock broker makes by itself."""


class Broker:
    """One mock broker. Topics come to be with the first record."""

    def __init__(self) -> None:
        self._producer = Producer({"test.mock.num.brokers": 1, "linger.ms": 0})
        broker = next(iter(self._producer.list_topics(timeout=10).brokers.values()))
        self.address = f"{broker.host}:{broker.port}"

    def send(self, topic: str, *values: bytes | None, **record: Any) -> None:
        """Write records; returns when the broker has them."""
        for value in values:
            self._producer.produce(topic, value, **record)
        assert self._producer.flush(20) == 0

    def committed(self, topic: str, group: str, partition: int = 0) -> int:
        """The committed offset of a group; negative without one."""
        with_group = Consumer({"bootstrap.servers": self.address, "group.id": group})
        try:
            return int(with_group.committed([TopicPartition(topic, partition)], timeout=10)[0].offset)
        finally:
            with_group.close()

    def read(self, topic: str, count: int) -> list[Any]:
        """The first records of a topic."""
        reader = Consumer({"bootstrap.servers": self.address, "group.id": "reader"})
        try:
            reader.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(PARTITIONS)])
            found = list[Any]()
            for _ in range(100):
                found += [each for each in reader.consume(count, 0.2) if each.error() is None]
                if len(found) >= count:
                    break
            return found
        finally:
            reader.close()


@pytest.fixture(scope="session")
def broker() -> Broker:
    return Broker()


@pytest.fixture
def topic(broker: Broker) -> str:
    """The name of a topic of the test's own."""
    return f"topic-{uuid.uuid4().hex[:8]}"
