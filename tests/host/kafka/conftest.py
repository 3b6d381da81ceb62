"""A Kafka broker in the test's own process (librdkafka's mock cluster)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from tests.host.kafka.mock import Cluster

PARTITIONS = 4
"""Of topics that the mock broker makes by itself."""


class Broker:
    """One mock broker. Topics come to be with the first record."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.address = self.cluster.address
        self._producer = Producer({"bootstrap.servers": self.address, "linger.ms": 0})

    def send(self, topic: str, *values: bytes | None, **record: Any) -> None:
        """Write records; returns when the broker has them."""
        for value in values:
            self._producer.produce(topic, value, **record)
        assert self._producer.flush(20) == 0

    def close(self) -> None:
        """End it; nobody may use it any more."""
        del self._producer
        self.cluster.close()

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
def broker() -> Iterator[Broker]:
    made = Broker()
    yield made
    made.close()


@pytest.fixture
def topic(broker: Broker) -> str:
    """The name of a topic of the test's own; also for its group, as the mock is slow to let members of another go."""
    return f"topic-{uuid.uuid4().hex[:8]}"
