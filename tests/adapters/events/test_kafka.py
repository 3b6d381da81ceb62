"""What only Kafka has: topics that are missing, marks of transactions, retention, brokers that are away."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from adapters.connections import connect
from adapters.events import kafka
from adapters.events.kafka import KafkaLog, KafkaPublisher
from adapters.events.security import away, brokers
from domain.errors import Unavailable
from settings import Settings
from tests.adapters.events.broker import Broker
from tests.adapters.events.test_contract import event
from tests.host.kafka.mock import Cluster
from tests.ports import free_port
from tests.stack.servers import WAIT


@pytest.fixture
async def publisher(broker: Broker) -> AsyncIterator[KafkaPublisher]:
    publisher = KafkaPublisher(brokers(broker.settings), timeout=WAIT)
    yield publisher
    await publisher.aclose()


@pytest.fixture
async def log(broker: Broker) -> AsyncIterator[KafkaLog]:
    log = KafkaLog(brokers(broker.settings), timeout=WAIT)
    yield log
    await log.aclose()


@pytest.fixture
def nowhere() -> dict[str, Any]:
    """Brokers that are away."""
    return brokers(Settings(kafka_brokers=f"127.0.0.1:{free_port()}"))


@pytest.mark.integration
async def test_marks_of_transactions_are_no_records_and_hold_nobody_up(broker: Broker, log: KafkaLog) -> None:
    topic = broker.topic(1)
    producer = Producer({**brokers(broker.settings), "transactional.id": topic})
    producer.init_transactions(WAIT)
    for value, end in (("a", producer.commit_transaction), ("b", producer.abort_transaction)):
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.flush(WAIT)
        end(WAIT)
    (bounds,) = (await log.bounds(topic)).values()
    assert bounds == (0, 4)
    assert [record.value for record in await log.read(topic, 0, *bounds)] == [b"a"]
    assert await log.read(topic, 0, 1, 4) == []


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "refuse the sign-in or its rights"),
        (KafkaError._AUTHENTICATION, "refuse the sign-in or its rights"),
        (KafkaError._TRANSPORT, "did not take or give it in time"),
    ],
)
def test_who_is_refused_is_not_told_that_the_brokers_are_away(code: int, text: str) -> None:
    assert text in away(KafkaError(code)).text


async def test_a_header_name_that_is_not_utf_8_keeps_nobody_from_reading_on() -> None:
    cluster = Cluster()
    log = KafkaLog(brokers(Settings(kafka_brokers=cluster.address)), timeout=WAIT)
    for number, name in enumerate((b"good", b"bad\xff", b"good")):
        cluster.send_raw("t", b"%d" % number, {b"first": b"1", name: b"2"})
    records = await log.read("t", 0, 0, 3)
    assert [record.value for record in records] == [b"0", b"1", b"2"]
    assert [dict(record.headers).keys() for record in records] == [{"first", "good"}, set(), {"first", "good"}]
    await log.aclose()
    cluster.close()


@pytest.mark.integration
async def test_what_retention_took_is_passed_over(broker: Broker, publisher: KafkaPublisher, log: KafkaLog) -> None:
    topic = broker.topic(1)
    for number in range(6):
        await publisher.publish(topic, "case", event(number))
    admin = AdminClient(brokers(broker.settings))
    for taken in admin.delete_records([TopicPartition(topic, 0, 4)]).values():
        taken.result(WAIT)
    assert (await log.bounds(topic))[0] == (4, 6)
    assert [record.at.offset for record in await log.read(topic, 0, 0, 6)] == [4, 5]
    assert await log.read(topic, 0, 0, 3) == []


@pytest.mark.integration
async def test_the_log_joins_no_group(broker: Broker, publisher: KafkaPublisher, log: KafkaLog) -> None:
    topic = broker.topic(1)
    await publisher.publish(topic, "case", event())
    assert len(await log.read(topic, 0, 0, 1)) == 1
    groups = AdminClient(brokers(broker.settings)).list_consumer_groups(request_timeout=WAIT).result()
    assert groups.valid == []


@pytest.mark.integration
async def test_a_missing_topic_is_named_once_with_what_to_do(
    broker: Broker, publisher: KafkaPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    topic = f"{broker.topic()}.later"
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with pytest.raises(Unavailable, match="make topics") as caught:
                await publisher.publish(topic, "case", event())
    assert caught.value.code == "events"
    assert [record.getMessage() for record in caplog.records] == [
        f"There is no topic {topic}: create it with make topics. What is published to it waits."
    ]
    admin = AdminClient(brokers(broker.settings))
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(WAIT)
    by = asyncio.get_running_loop().time() + WAIT
    while True:
        try:
            await publisher.publish(topic, "case", event())
            break
        except Unavailable:
            assert asyncio.get_running_loop().time() < by


@pytest.mark.integration
async def test_one_producer_serves_many_loops(broker: Broker, publisher: KafkaPublisher, log: KafkaLog) -> None:
    topic = broker.topic(1)
    threads = [
        Thread(target=lambda: asyncio.run(publisher.publish(topic, "case", event()))),
        Thread(target=lambda: asyncio.run(publisher.publish(topic, "case", event()))),
    ]
    for thread in threads:
        thread.start()
    await publisher.publish(topic, "case", event())
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert (await log.bounds(topic))[0] == (0, 3)


@pytest.mark.integration
async def test_what_is_closed_opens_again(broker: Broker, publisher: KafkaPublisher) -> None:
    topic = broker.topic(1)
    await publisher.publish(topic, "case", event())
    await publisher.aclose()
    await publisher.publish(topic, "case", event())


@pytest.mark.integration
async def test_a_producer_that_cannot_go_on_is_replaced(
    broker: Broker, publisher: KafkaPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Producer):  # type: ignore[misc]
        def produce(self, *given: Any, **more: Any) -> None:
            raise KafkaException(KafkaError(KafkaError._FATAL, "", True))

    topic = broker.topic(1)
    with monkeypatch.context() as patch:
        patch.setattr(kafka, "Producer", Broken)
        with pytest.raises(Unavailable, match="_FATAL"):
            await publisher.publish(topic, "case", event())
    await publisher.publish(topic, "case", event())


async def test_brokers_that_are_away_are_told_once(nowhere: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    publisher, log = KafkaPublisher(nowhere, timeout=0.2), KafkaLog(nowhere, timeout=0.2)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with pytest.raises(Unavailable):
                await publisher.publish("topic", "key", event())
        with pytest.raises(Unavailable):
            await publisher.ready()
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("The event log is unavailable: the brokers did not take or give it in time (_MSG_TIMED_OUT)")
    for asked in (log.bounds("topic"), log.offsets_at("topic", datetime.now(UTC)), log.read("topic", 0, 0, 1)):
        with pytest.raises(Unavailable) as caught:
            await asked
        assert caught.value.code == "events"
    await publisher.aclose()
    await log.aclose()


async def test_hints_are_dropped_and_counted(nowhere: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "MOST_HINTS", 3)
    publisher = KafkaPublisher(nowhere, timeout=2.0)
    for _ in range(5):
        publisher.hint("topic", "key", event())
    assert 2 <= publisher.lost < 5  # what the library itself reports counts as under way too
    await publisher.aclose()
    assert publisher.lost == 5
    wrong = KafkaPublisher({**nowhere, "security.protocol": "none"})
    wrong.hint("topic", "key", event())
    assert wrong.lost == 1


async def test_a_full_queue_is_an_outage(nowhere: dict[str, Any]) -> None:
    publisher = KafkaPublisher({**nowhere, "queue.buffering.max.messages": 1}, timeout=0.1)
    publisher.hint("topic", "key", event())
    with pytest.raises(Unavailable, match="_QUEUE_FULL"):
        await publisher.publish("topic", "key", event())
    publisher.hint("topic", "key", event())
    assert publisher.lost == 1
    await publisher.aclose()


async def test_who_waits_when_it_closes_is_told(nowhere: dict[str, Any]) -> None:
    publisher = KafkaPublisher({**nowhere}, timeout=0.3)
    publisher._config["delivery.timeout.ms"] = 600_000
    waiting = asyncio.create_task(publisher.publish("topic", "key", event()))
    await asyncio.sleep(0)
    await publisher.aclose()
    with pytest.raises(Unavailable, match="_PURGE_QUEUE"):
        await waiting


def test_connecting_calls_nobody() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.2)
        connect(Settings(kafka_brokers=f"127.0.0.1:{listener.getsockname()[1]}"))
        with pytest.raises(TimeoutError):
            listener.accept()


def test_settings_are_spelled_for_the_library() -> None:
    plain = brokers(Settings(kafka_brokers="a:1,b:2"))
    assert (plain["bootstrap.servers"], plain["security.protocol"]) == ("a:1,b:2", "plaintext")
    assert "sasl.username" not in plain
    settings: dict[str, Any] = {
        "kafka_brokers": "hubs.servicebus.windows.net:9093",
        "kafka_protocol": "SaslSsl",
        "kafka_username": "$ConnectionString",
        "kafka_password": "Endpoint=sb://...",
    }
    hubs = brokers(Settings(**settings))
    assert {name: value for name, value in hubs.items() if name.startswith(("sasl", "security"))} == {
        "security.protocol": "sasl_ssl",
        "sasl.mechanisms": "PLAIN",
        "sasl.username": "$ConnectionString",
        "sasl.password": "Endpoint=sb://...",
    }
    assert brokers(Settings(**settings, kafka_mechanism="ScramSha512"))["sasl.mechanisms"] == "SCRAM-SHA-512"
