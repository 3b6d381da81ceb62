"""An event log in memory, for tests: ``Publisher`` and ``Log`` over the same records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from zlib import crc32

from adapters.events.base import Position, Record
from domain.errors import NotFound, Unavailable
from domain.events.cloud_event import CloudEvent, Headers, to_headers, to_value


class MemoryEvents:
    """Keeps what is published. Topics come into being with their first record."""

    def __init__(self, partitions: int = 3, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._partitions = partitions
        self._now = now
        self.topics: dict[str, list[list[Record]]] = {}
        self.answers = True
        """Set to ``False`` and every call fails as when the broker is down."""

    async def publish(self, topic: str, key: str, event: CloudEvent) -> None:
        """See ``Publisher.publish``."""
        self._check()
        self.append(topic, key.encode(), to_value(event), to_headers(event))

    async def forget(self, topic: str, key: str) -> None:
        """See ``Publisher.forget``."""
        self._check()
        self.append(topic, key.encode(), None)

    def hint(self, topic: str, key: str, event: CloudEvent) -> None:
        """See ``Publisher.hint``."""
        if self.answers:
            self.append(topic, key.encode(), to_value(event), to_headers(event))

    async def ready(self) -> None:
        """See ``Publisher.ready``."""
        self._check()

    async def bounds(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """See ``Log.bounds``."""
        return {number: (0, len(partition)) for number, partition in enumerate(self._kept(topic))}

    async def offsets_at(self, topic: str, when: datetime) -> Mapping[int, int]:
        """See ``Log.offsets_at``."""
        return {
            number: next((record.at.offset for record in partition if record.appended >= when), len(partition))
            for number, partition in enumerate(self._kept(topic))
        }

    async def read(self, topic: str, partition: int, start: int, end: int, most: int = 500) -> Sequence[Record]:
        """See ``Log.read``."""
        partitions = self._kept(topic)
        if partition >= len(partitions):
            raise NotFound("topic", "there is no such partition")
        return partitions[partition][start:end][:most]

    async def aclose(self) -> None:
        """Nothing to close."""

    def append(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()) -> Record:
        """What a producer does; equal keys go to one partition."""
        partitions = self.topics.setdefault(topic, [[] for _ in range(self._partitions)])
        number = crc32(key or b"") % self._partitions
        position = Position(topic, number, len(partitions[number]))
        record = Record(position, self._now(), key, value, headers)
        partitions[number].append(record)
        return record

    def records(self, topic: str) -> list[Record]:
        """All records of a topic, by partition."""
        return [record for partition in self.topics.get(topic, []) for record in partition]

    def _kept(self, topic: str) -> list[list[Record]]:
        self._check()
        if topic not in self.topics:
            raise NotFound("topic", "there is no such topic")
        return self.topics[topic]

    def _check(self) -> None:
        if not self.answers:
            raise Unavailable("events", "the event log does not answer")
