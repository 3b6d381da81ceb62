"""What the engine needs of an event log, kept to what Kafka and Event Hubs both do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.events.cloud_event import CloudEvent, Headers


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record lies."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}-{self.offset}"


@dataclass(frozen=True, slots=True)
class Record:
    """A record as the log keeps it."""

    at: Position
    appended: datetime
    """When the broker took it (UTC); topics are kept with ``message.timestamp.type=LogAppendTime``."""
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    """``None``: a tombstone."""
    headers: Headers = field(default=(), repr=False)


class Publisher(Protocol):
    """Says events to others."""

    async def publish(self, topic: str, key: str, event: CloudEvent) -> None:
        """Return when the log has it, with as many copies as it promises. The same event may be published again after
        a failure: its id is the same, and readers drop copies. Raises ``Unavailable('events')``."""
        ...

    async def forget(self, topic: str, key: str) -> None:
        """Publish a tombstone: a compacted topic then forgets the key. Raises ``Unavailable('events')``."""
        ...

    def hint(self, topic: str, key: str, event: CloudEvent) -> None:
        """Publish without waiting; losing it is no fault, and nothing is raised or retried for it."""
        ...

    async def ready(self) -> None:
        """Return when the log answers. Raises ``Unavailable('events')``."""
        ...

    async def aclose(self) -> None:
        """Send what is under way and close connections."""
        ...


class Log(Protocol):
    """Reads the log by position, beside every consumer group. All methods raise ``Unavailable('events')``, and
    ``NotFound('topic')`` for a topic that does not exist."""

    async def bounds(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """First kept offset and the one after the last, by partition."""
        ...

    async def offsets_at(self, topic: str, when: datetime) -> Mapping[int, int]:
        """The first offset appended at ``when`` or later, by partition; the end where there is none."""
        ...

    async def read(self, topic: str, partition: int, start: int, end: int, most: int = 500) -> Sequence[Record]:
        """Records with ``start <= offset < end``, in order, at most ``most``; fewer where compaction or retention took
        some. Empty: none is left in that range."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...
