"""Keys of process events reach the mirror; a broker that is away costs nothing but time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from adapters.events.kafka import KafkaPublisher
from adapters.events.security import brokers
from domain.events.catalog import Topic
from domain.events.cloud_event import CloudEvent
from mirror.hints import Hints
from settings import Settings
from tests.adapters.events.broker import Broker
from tests.adapters.events.broker import running as broker_running
from tests.mirror.bench import until
from tests.ports import free_port
from tests.stack.servers import WAIT

STEP = CloudEvent(
    id="e", source="urn:workflow-engine:payer", type="step.completed.v1", time=datetime(2026, 3, 1, tzinfo=UTC), data={}
)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with broker_running(tmp_path_factory.mktemp("broker")) as started:
        admin = AdminClient(brokers(started.settings))
        admin.create_topics([NewTopic(str(Topic.STEPS), 3, 1)])[str(Topic.STEPS)].result(WAIT)
        yield started


@asynccontextmanager
async def hinting(values: Settings) -> AsyncIterator[tuple[set[str], asyncio.Task[None]]]:
    """The cases that were hinted at, and what reads the hints."""
    taken: set[str] = set()
    task = asyncio.create_task(Hints(brokers(values), taken.add).run())
    try:
        yield taken, task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def tell_until_taken(publisher: KafkaPublisher, taken: set[str], cases: set[str]) -> None:
    """Hints of before the consumer has joined are lost, as they may be: tell them again."""
    end = time.monotonic() + WAIT
    while not cases <= taken:
        assert time.monotonic() < end
        for case in cases:
            publisher.hint(Topic.STEPS, case, STEP)
        await asyncio.sleep(0.2)


@pytest.mark.integration
async def test_keys_arrive_through_an_outage_that_is_told_once(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = KafkaPublisher(brokers(broker.settings))
    async with hinting(broker.settings) as (taken, task):
        await tell_until_taken(publisher, taken, {"case-1", "case-2"})
        assert caplog.messages == []
        await asyncio.to_thread(broker.kill)
        await until(lambda: bool(caplog.messages))
        await asyncio.to_thread(broker.start)
        await tell_until_taken(publisher, taken, {"case-3"})
        assert not task.done()
        assert [line for line in caplog.messages if "is unavailable" in line] == caplog.messages[:1]
    await publisher.aclose()


@pytest.mark.integration
async def test_a_record_without_a_key_and_one_with_any_bytes_stop_nothing(broker: Broker) -> None:
    publisher = KafkaPublisher(brokers(broker.settings))
    async with hinting(broker.settings) as (taken, _):
        await tell_until_taken(publisher, taken, {"case-4"})
        producer = Producer(brokers(broker.settings))
        producer.produce(str(Topic.STEPS), b"{}")
        producer.produce(str(Topic.STEPS), b"{}", b"\xff\xfe")
        assert producer.flush(WAIT) == 0
        await tell_until_taken(publisher, taken, {"case-5"})
    await publisher.aclose()


async def test_no_broker_is_told_once_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with hinting(Settings(kafka_brokers=f"127.0.0.1:{free_port()}")) as (taken, task):
        await until(lambda: bool(caplog.messages))
        assert "The sweep alone finds what has changed." in caplog.messages[0]
        assert not task.done()
    assert task.cancelled()
    assert taken == set()
    assert len(caplog.messages) == 1


async def test_settings_that_are_none_are_told_and_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirror.hints.PAUSE", 0.01)
    hints = Hints({"bootstrap.servers": "127.0.0.1:1", "security.protocol": "nothing"}, lambda _: None)
    task = asyncio.create_task(hints.run())
    await until(lambda: bool(caplog.messages))
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
