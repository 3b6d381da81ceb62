"""The thread of a consumer: nothing that it meets ends it for good."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError

from host.kafka import subscriber as module
from host.kafka.outage import Outage
from host.kafka.record import Held, Record
from host.kafka.subscriber import NAP, Subscriber
from tests.host.kafka.conftest import Broker
from tests.host.kafka.inline import until


class Running:
    """A subscriber with a cycle of the test's own, and what came of it."""

    def __init__(self, broker: Broker, topic: str, cycle: Callable[[Running], None]) -> None:
        self.records: list[Record] = []
        self.told: list[str | None] = []
        self.released: list[Held] = []
        settings = {"bootstrap.servers": broker.address, "group.id": topic, "auto.offset.reset": "earliest"}
        settings |= {"enable.auto.offset.store": "false", "session.timeout.ms": "1000", "heartbeat.interval.ms": "300"}
        outage = Outage("f", self.told.append)
        self.subscriber = Subscriber("f", topic, settings, lambda _: cycle(self), outage)
        self.subscriber.listener = self

    def poll(self) -> None:
        """One round; what comes is done at once."""
        for record in self.subscriber.poll(NAP, 1):
            self.records.append(record)
            self.subscriber.done(record.held, record.offset + 1, 1)

    def offer(self, records: Sequence[Record]) -> bool:
        raise AssertionError("the cycle takes the records")

    def release(self, held: Sequence[Held], seconds: float) -> None:
        self.released.extend(held)

    def places(self, places: Sequence[tuple[Held, int | None]]) -> None: ...

    def end(self) -> None:
        """As the listener stops it."""
        self.subscriber.quiet.set()
        self.subscriber.finished.set()
        self.subscriber.join(60)
        assert not self.subscriber.is_alive()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)


async def test_a_consumer_that_failed_is_begun_anew(broker: Broker, topic: str) -> None:
    failures = [RuntimeError("canary-value"), ValueError("canary-value")]

    def cycle(running: Running) -> None:
        running.poll()
        if failures and running.records:
            raise failures.pop()

    broker.send(topic, b"a", partition=0)
    running = Running(broker, topic, cycle)
    running.subscriber.start()
    await until(lambda: len(running.told) >= 1)
    broker.send(topic, b"b", partition=0)
    await until(lambda: [each.value for each in running.records][-1:] == [b"b"])
    running.end()
    assert running.told[0] == "its consumer failed (ValueError) and is begun anew"
    assert running.told[-1] is None
    assert {each.value for each in running.records} == {b"a", b"b"}
    assert all(held.closing and held.lost for held in running.released)
    assert broker.committed(topic, topic) == 2


async def test_an_error_after_which_the_library_does_nothing_more(broker: Broker, topic: str) -> None:
    broken = threading.Event()

    def cycle(running: Running) -> None:
        if not broken.is_set():
            broken.set()
            running.subscriber._on_error(KafkaError(KafkaError._FENCED, fatal=True))
        running.poll()

    broker.send(topic, b"a", partition=0)
    running = Running(broker, topic, cycle)
    running.subscriber.start()
    await until(lambda: running.records)
    running.end()
    assert running.told == ["its consumer failed (KafkaException) and is begun anew", None]


async def test_settings_that_fail_later_are_tried_again(
    broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of a key that is away for a moment, for one."""
    tries = list[int]()

    def make(*given: Any, **more: Any) -> Consumer:
        tries.append(1)
        if len(tries) == 2:
            raise OSError
        return Consumer(*given, **more)

    def cycle(running: Running) -> None:
        if len(tries) == 1:
            raise RuntimeError
        running.poll()

    monkeypatch.setattr(module, "Consumer", make)
    broker.send(topic, b"a", partition=0)
    running = Running(broker, topic, cycle)
    running.subscriber.start()
    await until(lambda: running.records)
    running.end()
    assert len(tries) == 3


async def test_a_stop_does_not_wait_for_the_next_beginning(
    broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 3600.0)

    def cycle(_: Running) -> None:
        raise RuntimeError

    running = Running(broker, topic, cycle)
    running.subscriber.start()
    await until(lambda: running.told)
    running.end()
