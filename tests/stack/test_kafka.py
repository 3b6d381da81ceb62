"""The real broker: what it keeps, what it forgets, and who can reach it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import stack
from tests.ports import free_port
from tests.stack.listening import addresses
from tests.stack.servers import WAIT, kill, open_to_others, start, until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Options]:
    """A broker of this module's own, because it is killed."""
    options = stack.Options(data=tmp_path_factory.mktemp("kafka"), only=("kafka",), kafka_port=free_port())
    start(options)
    yield options
    stack.down(options)


@pytest.fixture
def brokers(options: stack.Options) -> str:
    return stack.up(options).kafka_brokers


def create(brokers: str, topic: str, **config: str) -> None:
    admin = AdminClient({"bootstrap.servers": brokers})
    admin.create_topics([NewTopic(topic, 1, 1, config=config)])[topic].result(WAIT)


def produce(brokers: str, topic: str, *values: str, key: str | None = None) -> None:
    """Send, and return when the broker has them all."""
    failures: list[KafkaError] = []

    def told(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error)

    producer = Producer({"bootstrap.servers": brokers, "acks": "all", "linger.ms": 0})
    for value in values:
        producer.produce(topic, value, key, on_delivery=told)
    assert producer.flush(WAIT) == 0
    if failures:
        raise KafkaException(failures[0])


def consumer(brokers: str, group: str = "readers") -> Consumer:
    settings = {"bootstrap.servers": brokers, "group.id": group, "enable.auto.commit": False}
    return Consumer({**settings, "auto.offset.reset": "earliest", "enable.partition.eof": True})


def read(brokers: str, topic: str) -> list[str]:
    """All that the topic holds."""
    reader = consumer(brokers)
    reader.assign([TopicPartition(topic, 0, 0)])
    found: list[str] = []
    try:
        while True:
            message: Message | None = reader.poll(WAIT)
            assert message is not None, "the broker did not answer"
            if message.error():
                assert message.error().code() == KafkaError._PARTITION_EOF
                return found
            found.append(message.value().decode())
    finally:
        reader.close()


def span(brokers: str, topic: str) -> tuple[int, int]:
    """First and next offset."""
    reader = consumer(brokers)
    try:
        low, high = reader.get_watermark_offsets(TopicPartition(topic, 0), WAIT, cached=False)
        return low, high
    finally:
        reader.close()


def test_records_offsets_and_the_cluster_outlive_a_stop_and_a_kill(options: stack.Options, brokers: str) -> None:
    create(brokers, "kept")
    produce(brokers, "kept", "a", "b")
    cluster = AdminClient({"bootstrap.servers": brokers}).list_topics(timeout=WAIT).cluster_id
    stack.down(options)

    stack.up(options)
    assert read(brokers, "kept") == ["a", "b"]
    produce(brokers, "kept", "c")
    reader = consumer(brokers, "counting")
    reader.commit(offsets=[TopicPartition("kept", 0, 2)], asynchronous=False)
    reader.close()
    kill(options, "kafka")

    stack.up(options)
    assert read(brokers, "kept") == ["a", "b", "c"]
    produce(brokers, "kept", "d")
    assert read(brokers, "kept") == ["a", "b", "c", "d"]
    reader = consumer(brokers, "counting")
    assert [each.offset for each in reader.committed([TopicPartition("kept", 0)], timeout=WAIT)] == [2]
    reader.close()
    assert AdminClient({"bootstrap.servers": brokers}).list_topics(timeout=WAIT).cluster_id == cluster


def test_a_topic_that_nobody_made_is_not_made_by_asking(brokers: str) -> None:
    asking = Producer({"bootstrap.servers": brokers})
    asked = asking.list_topics("surprise", timeout=WAIT).topics["surprise"]
    assert asked.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    assert "surprise" not in asking.list_topics(timeout=WAIT).topics


def test_retention_shows_within_seconds(brokers: str) -> None:
    create(brokers, "short", **{"retention.ms": "1000"})
    produce(brokers, "short", "a", "b")
    until(lambda: span(brokers, "short") == (2, 2))
    assert read(brokers, "short") == []


def test_compaction_shows_within_seconds(brokers: str) -> None:
    create(brokers, "latest", **{"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"})
    produce(brokers, "latest", "a", "b", key="case")
    produce(brokers, "latest", "x", key="other")

    def compacted() -> bool:
        produce(brokers, "latest", "tick", key="clock")  # a segment closes when something follows it
        return "b" in (found := read(brokers, "latest")) and "a" not in found and "x" in found

    until(compacted)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="listeners are read from /proc")
def test_it_listens_on_loopback_only(options: stack.Options) -> None:
    state = stack.status(options)[0]
    assert state.pid is not None
    assert addresses(state.pid) == {"127.0.0.1"}


def test_its_files_are_the_owners_alone(options: stack.Options, brokers: str) -> None:
    assert open_to_others(options.data / "kafka") == []
    assert open_to_others(options.data / "logs" / "kafka.log") == []
