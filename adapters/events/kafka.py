"""Kafka, or what speaks its protocol (Event Hubs' Kafka endpoint, Confluent Cloud), over confluent-kafka."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from adapters.events.kafka_log import KafkaLog
from adapters.events.security import MISSING, away
from adapters.outage import Outage
from adapters.tracing import client_span
from domain.errors import Unavailable
from domain.events.cloud_event import CloudEvent, Headers, to_headers, to_value

__all__ = ["KafkaLog", "KafkaPublisher"]
LOG: Final = logging.getLogger("workflow.events")
MOST_HINTS: Final = 10_000
"""Records under way from which on hints are dropped: the queue (100,000) is kept for what must not be lost."""
POLL: Final = 0.2
"""Seconds after which an idle thread looks whether it is still wanted."""


class KafkaPublisher:
    """``Publisher`` over one idempotent producer a process, built at first use, whatever event loops call.

    A thread of its own serves delivery reports: one that comes wakes the loop that waits for it. (The library's own
    asyncio producer gathers records for a while first.) Equal keys go to the partition that Java clients choose.
    """

    def __init__(self, brokers: Mapping[str, Any], timeout: float = 10.0) -> None:
        """``brokers``: see ``adapters.events.security``; ``timeout``: seconds within which a record is taken."""
        self._config = {
            **brokers,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 0,
            "delivery.timeout.ms": round(timeout * 1000),
            "topic.metadata.propagation.max.ms": 1_000,
            "partitioner": "murmur2_random",
            "error_cb": lambda _: None,  # told with the record that could not be delivered
        }
        self._timeout = timeout
        self._outage = Outage("The event log", "Cases go on; what others are told of them is published later.")
        self._lock = Lock()
        self._producer: Any = None
        self._thread: Thread | None = None
        self._missing: set[str] = set()
        self.lost = 0
        """Hints that were dropped or not delivered."""

    async def publish(self, topic: str, key: str, event: CloudEvent) -> None:
        """See ``Publisher.publish``."""
        await self._send(topic, key, to_value(event), to_headers(event))

    async def forget(self, topic: str, key: str) -> None:
        """See ``Publisher.forget``."""
        await self._send(topic, key, None, ())

    def hint(self, topic: str, key: str, event: CloudEvent) -> None:
        """See ``Publisher.hint``."""
        try:
            producer = self._running()
            if len(producer) < MOST_HINTS:
                producer.produce(topic, to_value(event), key, headers=list(to_headers(event)), on_delivery=self._hinted)
                return
        except (BufferError, KafkaException):
            pass
        self.lost += 1

    async def ready(self) -> None:
        """See ``Publisher.ready``."""
        try:
            await asyncio.to_thread(lambda: self._running().list_topics(timeout=self._timeout))
        except KafkaException as error:
            raise self._outage.failed(away(error.args[0])) from None

    async def aclose(self) -> None:
        """See ``Publisher.aclose``. What is not taken in time fails."""
        with self._lock:
            self._producer, thread = None, self._thread
        if thread is not None:
            await asyncio.to_thread(thread.join)

    async def _send(self, topic: str, key: str, value: bytes | None, headers: Headers) -> None:
        with client_span("events", f"publish {topic}"):
            error = await self._delivery(topic, key, value, headers)
        if error is None:
            self._missing.discard(topic)
            self._outage.answered()
            return
        if error.fatal():
            self._producer = None  # an idempotent producer does not recover; the next record gets a new one
        if error.code() in MISSING:
            self._tell_missing(topic)
            raise Unavailable("events", f"there is no topic {topic}; create it with make topics")
        raise self._outage.failed(away(error))

    async def _delivery(self, topic: str, key: str, value: bytes | None, headers: Headers) -> KafkaError | None:
        """What kept the record from being delivered, if anything."""
        loop = asyncio.get_running_loop()
        report: asyncio.Future[KafkaError | None] = loop.create_future()

        def reported(error: KafkaError | None, _: object) -> None:
            with suppress(RuntimeError):  # the loop has ended: nobody waits any more
                loop.call_soon_threadsafe(_settle, report, error)

        try:
            self._running().produce(topic, value, key, headers=list(headers), on_delivery=reported)
        except BufferError:
            return KafkaError(KafkaError._QUEUE_FULL)
        except KafkaException as error:
            refusal: KafkaError = error.args[0]
            return refusal
        return await report

    def _running(self) -> Producer:
        with self._lock:
            if self._producer is None:
                self._producer = Producer(self._config)
                self._thread = Thread(target=self._serve, args=(self._producer,), name="kafka-reports", daemon=True)
                self._thread.start()
            return self._producer

    def _serve(self, producer: Producer) -> None:
        while self._producer is producer:
            producer.poll(POLL)
        _finish(producer, self._timeout)

    def _hinted(self, error: KafkaError | None, _: object) -> None:
        if error is not None:
            self.lost += 1

    def _tell_missing(self, topic: str) -> None:
        if topic not in self._missing:
            self._missing.add(topic)
            LOG.error("There is no topic %s: create it with make topics. What is published to it waits.", topic)


def _settle(report: asyncio.Future[KafkaError | None], error: KafkaError | None) -> None:
    if not report.done():
        report.set_result(error)


def _finish(producer: Producer, timeout: float) -> None:
    """Deliver what is under way; what is not taken in time fails, so that nobody waits for its report."""
    if producer.flush(timeout):
        producer.purge()
        producer.flush(POLL)
