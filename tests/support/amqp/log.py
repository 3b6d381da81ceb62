"""Event hubs in memory: an append log a partition."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from azure.eventhub._pyamqp.types import AMQPTypes

from tests.support.amqp.wire import decode_message, stamp, text, typed

_KEY: Final = b"x-opt-partition-key"
_BATCH: Final = 0x80013700
"""Message format of a batch: each data section is a message."""
_SELECTOR: Final = re.compile(r"amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-time) (>=?) '(.*)'")


@dataclass(frozen=True)
class Record:
    """An event as the log keeps it."""

    partition: str
    sequence_number: int
    offset: str
    enqueued: int
    """Milliseconds since 1970, UTC."""
    key: str | None
    payload: bytes
    """The message as it was sent."""

    @property
    def body(self) -> bytes:
        """Its data."""
        return b"".join(decode_message(self.payload).data or ())

    @property
    def properties(self) -> dict[str, Any]:
        """Its application properties, texts decoded."""
        found: dict[bytes, Any] = decode_message(self.payload).application_properties or {}
        return {name.decode(): text(value) if isinstance(value, bytes) else value for name, value in found.items()}

    @property
    def content_type(self) -> str | None:
        """Its content type."""
        properties = decode_message(self.payload).properties
        return text(properties.content_type) if properties else None

    def delivered(self) -> bytes:
        """The message as a receiver gets it."""
        annotations = {
            b"x-opt-sequence-number": typed(AMQPTypes.long, self.sequence_number),
            b"x-opt-offset": self.offset,
            b"x-opt-enqueued-time": typed(AMQPTypes.timestamp, self.enqueued),
        }
        return stamp(self.payload, annotations | ({_KEY: self.key} if self.key is not None else {}))


_READ: Final[dict[str, Callable[[Record], int]]] = {
    "offset": lambda record: int(record.offset),
    "sequence-number": lambda record: record.sequence_number,
    "enqueued-time": lambda record: record.enqueued,
}


@dataclass
class Partition:
    """One log."""

    id: str
    records: list[Record] = field(default_factory=list)
    size: int = 0
    """Bytes so far: the offset of the next record."""

    def append(self, payload: bytes, key: str | None, now: int) -> Record:
        """Add an event at the end."""
        record = Record(self.id, len(self.records), str(self.size), now, key, payload)
        self.records.append(record)
        self.size += len(payload)
        return record

    def position(self, selector: str | None) -> int:
        """Index of the first record that a receiver's filter admits."""
        match = _SELECTOR.fullmatch(selector or "")
        if match is None or match.group(3) == "-1":
            return 0
        name, comparison, value = match.groups()
        if value == "@latest":
            return len(self.records)
        wanted = int(value)
        after = (i for i, record in enumerate(self.records) if _READ[name](record) > wanted - (comparison == ">="))
        return next(after, len(self.records))


class Hub:
    """One event hub."""

    def __init__(self, name: str, partitions: int, now: Callable[[], float] = time.time) -> None:
        self.name = name
        self.created = int(now() * 1000)
        self.partitions = {str(number): Partition(str(number)) for number in range(partitions)}
        self._now = now
        self._turn = 0

    @property
    def records(self) -> list[Record]:
        """Every event: partition by partition, in order."""
        return [record for partition in self.partitions.values() for record in partition.records]

    def take(self, payload: bytes, message_format: int, partition: str | None) -> Sequence[Record]:
        """Append what a sender sent: an event, or a batch of them, which stays together."""
        message = decode_message(payload)
        key = text((message.message_annotations or {}).get(_KEY))
        target = self.partitions[partition if partition is not None else self._choose(key)]
        events = [bytes(each) for each in message.data] if message_format == _BATCH else [payload]
        return [target.append(event, key, int(self._now() * 1000)) for event in events]

    def _choose(self, key: str | None) -> str:
        """Equal keys share a partition; events without a key go round."""
        self._turn += key is None
        number = self._turn if key is None else zlib.crc32(key.encode())
        return str(number % len(self.partitions))
