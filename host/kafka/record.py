"""Records as they are consumed, and what a trigger parameter is made of.

Shapes of ``KafkaEventData`` and its binding data in the extension 4.3, as they come to the Python worker.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from host.message import Message, Value

Headers = tuple[tuple[str, bytes], ...]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
"""Writers may set any 64 bits as the timestamp."""


@dataclass(slots=True, eq=False)
class Held:
    """A partition while this consumer holds it. Only the consumer's thread writes."""

    topic: str
    partition: int
    closing: bool = False
    """Taken away: nothing more is begun."""
    lost: bool = False
    """Gone: its offsets are no longer stored."""
    waiting: int = 0
    """Records handed over and not yet done."""
    paused: bool = False
    position: int | None = None
    """The next record to be done."""
    asked: bool = False
    """Whether the group's own offset was asked for."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record."""

    held: Held
    offset: int
    timestamp: int
    """Milliseconds since 1970."""
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: Headers = field(repr=False)

    def header(self, name: str) -> str:
        """The text of the first header of that name; empty without one."""
        return next((value.decode("utf-8", "replace") for key, value in self.headers if key == name), "")


def by_partition(records: Iterable[Record]) -> dict[Held, list[Record]]:
    """Records in their order, apart by partition."""
    found: dict[Held, list[Record]] = {}
    for record in records:
        found.setdefault(record.held, []).append(record)
    return found


def single(record: Record, binary: bool) -> Message:
    """For cardinality one."""
    key = _text(record.key)
    metadata = {
        "Topic": Value("string", record.held.topic),
        "Partition": Value("json", str(record.held.partition)),
        "Offset": Value("json", str(record.offset)),
        "Key": None if key is None else Value("string", key),
        "Timestamp": Value("json", json.dumps(_instant(record))),
        "Headers": Value("json", json.dumps(_headers(record))),
    }
    body = Value("bytes", record.value or b"") if binary else Value("string", _envelope(record))
    return Message(body, metadata)


def several(records: Sequence[Record], binary: bool) -> Message:
    """For cardinality many."""
    metadata: dict[str, Value | None] = {
        "TopicArray": Value("collection_string", tuple(record.held.topic for record in records)),
        "PartitionArray": Value("json", json.dumps([record.held.partition for record in records])),
        "OffsetArray": Value("collection_sint64", tuple(record.offset for record in records)),
        "KeyArray": Value("json", json.dumps([_text(record.key) for record in records])),
        "TimestampArray": Value("json", json.dumps([_instant(record) for record in records])),
        "HeadersArray": Value("json", json.dumps([_headers(record) for record in records])),
    }
    if binary:
        return Message(Value("collection_bytes", tuple(record.value or b"" for record in records)), metadata)
    return Message(Value("collection_string", tuple(_envelope(record) for record in records)), metadata)


def _envelope(record: Record) -> str:
    """The body where data_type is string, or not given."""
    document = {
        "Offset": record.offset,
        "Partition": record.held.partition,
        "Topic": record.held.topic,
        "Timestamp": _instant(record),
        "Value": _text(record.value),
        "Key": _text(record.key),
        "Headers": _headers(record),
    }
    return json.dumps(document)


def _headers(record: Record) -> list[dict[str, Any]]:
    return [{"Key": name, "Value": base64.b64encode(value).decode()} for name, value in record.headers]


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode("utf-8", "replace")


def _instant(record: Record) -> str:
    at = _EPOCH + timedelta(milliseconds=min(max(record.timestamp, 0), _LAST))
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
