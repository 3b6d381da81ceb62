"""The log of Kafka, read by position."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from operator import methodcaller
from typing import Any, Final, TypeVar

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, KafkaException, TopicPartition

from adapters.events.base import Position, Record
from adapters.events.security import MISSING, away
from adapters.outage import Outage
from adapters.tracing import client_span
from domain.errors import NotFound
from domain.events.cloud_event import Headers

T = TypeVar("T")
_ASK: Final = methodcaller("headers")


class KafkaLog:
    """``Log`` over a consumer that is assigned partitions and joins no group, so that nobody else's reading moves.

    One thread owns the consumer (the library lets no second one in while the first polls); reads come one by one.
    """

    def __init__(self, brokers: Mapping[str, Any], timeout: float = 10.0) -> None:
        """``brokers``: see ``adapters.events.security``; ``timeout``: seconds within which something must come."""
        self._config = {
            **brokers,
            "group.id": "workflow-engine-log",  # asked for by the library; nothing joins or commits
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 5,  # a fetch that is under way for another partition holds the next one up
            "error_cb": lambda _: None,
        }
        self._timeout = timeout
        self._outage = Outage("The event log", "Replays and dead letters are answered with 503.")
        self._thread = ThreadPoolExecutor(1, "kafka-log")
        self._consumer: Consumer | None = None

    async def bounds(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """See ``Log.bounds``."""
        return await self._run(
            topic, lambda log: {number: self._bounds(log, topic, number) for number in self._partitions(log, topic)}
        )

    async def offsets_at(self, topic: str, when: datetime) -> Mapping[int, int]:
        """See ``Log.offsets_at``."""
        at = math.ceil(when.timestamp() * 1000)

        def find(log: Consumer) -> dict[int, int]:
            asked = [TopicPartition(topic, number, at) for number in self._partitions(log, topic)]
            found = log.offsets_for_times(asked, timeout=self._timeout)
            return {
                each.partition: each.offset if each.offset >= 0 else self._bounds(log, topic, each.partition)[1]
                for each in found
            }

        return await self._run(topic, find)

    async def read(self, topic: str, partition: int, start: int, end: int, most: int = 500) -> Sequence[Record]:
        """See ``Log.read``."""

        def take(log: Consumer) -> list[Record]:
            first, behind = self._bounds(log, topic, partition)
            begin, stop = max(start, first), min(end, behind)
            if begin >= stop or most <= 0:
                return []
            log.assign([TopicPartition(topic, partition, begin)])
            try:
                return self._take(log, stop, most)
            finally:
                log.unassign()

        return await self._run(topic, take)

    async def aclose(self) -> None:
        """See ``Log.aclose``."""
        if self._consumer is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._consumer.close)
            self._consumer = None
        self._thread.shutdown(wait=False)

    async def _run(self, topic: str, work: Callable[[Consumer], T]) -> T:
        try:
            with client_span("events", f"read {topic}"):
                found = await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._open()))
        except KafkaException as error:
            if error.args[0].code() in MISSING:
                raise NotFound("topic", "there is no such topic or partition") from None
            raise self._outage.failed(away(error.args[0])) from None
        self._outage.answered()
        return found

    def _open(self) -> Consumer:
        if self._consumer is None:
            self._consumer = Consumer(self._config)
        return self._consumer

    def _partitions(self, log: Consumer, topic: str) -> Sequence[int]:
        found = log.list_topics(topic, timeout=self._timeout).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        return sorted(found.partitions)

    def _bounds(self, log: Consumer, topic: str, partition: int) -> tuple[int, int]:
        first, behind = log.get_watermark_offsets(TopicPartition(topic, partition), timeout=self._timeout)
        return int(first), int(behind)

    def _take(self, log: Consumer, stop: int, most: int) -> list[Record]:
        """What the assigned partition holds before ``stop``. The end of the partition is told with its offset: behind
        the last record there may be offsets that hold none (compaction, marks of transactions)."""
        records: list[Record] = []
        by = time.monotonic() + self._timeout
        while len(records) < most:
            message = log.poll(max(0.0, by - time.monotonic()))
            if message is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            if message.offset() >= stop:
                break
            if error is None:
                records.append(_record(message))
                if message.offset() == stop - 1:
                    break
        return records


def _record(message: Any) -> Record:
    kind, at = message.timestamp()
    return Record(
        at=Position(message.topic(), message.partition(), message.offset()),
        appended=datetime.fromtimestamp(0 if kind == TIMESTAMP_NOT_AVAILABLE else at / 1000, UTC),
        key=message.key(),
        value=message.value(),
        headers=_headers(message),
    )


def _headers(message: Any) -> Headers:
    """None where a name is not UTF-8: the library gives them all or none, and such a record is no event.

    For such a name confluent-kafka 2.16 sets an exception beside its result, and a hot ``message.headers()`` does not
    look for one; called by ``methodcaller``, it always does.
    """
    try:
        given = _ASK(message)
    except (UnicodeDecodeError, SystemError):
        return ()
    return tuple((name, value or b"") for name, value in given or ())
