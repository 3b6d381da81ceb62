"""What a trigger parameter is made of.

Shapes of ``EventHubTriggerBindingStrategy`` of the extension 6, as they come to the Python worker. Events and contexts
are those of azure-eventhub.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from host.message import Message, Value


def single(event: Any, context: Any, checkpoints: bool, binary: bool) -> Message:
    """For cardinality one. ``checkpoints``: whether a checkpoint follows the call."""
    key = _text(event.partition_key)
    metadata = {
        "PartitionContext": _json(_context(context, checkpoints)),
        "PartitionKey": None if key is None else Value("string", key),
        "Offset": Value("string", str(event.offset)),
        "SequenceNumber": _json(event.sequence_number),
        "EnqueuedTimeUtc": _json(_instant(event)),
        "Properties": _json(properties(event)),
        "SystemProperties": _json(_system(event)),
    }
    content = body(event)
    return Message(Value("bytes", content) if binary else Value("string", _decoded(content)), metadata)


def several(events: Sequence[Any], context: Any, checkpoints: bool, binary: bool) -> Message:
    """For cardinality many."""
    metadata: dict[str, Value | None] = {
        "PartitionContext": _json(_context(context, checkpoints)),
        "PartitionKeyArray": _json([_text(event.partition_key) for event in events]),
        "OffsetArray": Value("collection_string", tuple(str(event.offset) for event in events)),
        "SequenceNumberArray": Value("collection_sint64", tuple(int(event.sequence_number) for event in events)),
        "EnqueuedTimeUtcArray": _json([_instant(event) for event in events]),
        "PropertiesArray": _json([properties(event) for event in events]),
        "SystemPropertiesArray": _json([_system(event) for event in events]),
    }
    contents = tuple(body(event) for event in events)
    if binary:
        return Message(Value("collection_bytes", contents), metadata)
    return Message(Value("collection_string", tuple(_decoded(content) for content in contents)), metadata)


def body(event: Any) -> bytes:
    """The data of an event; empty without any."""
    try:
        content = event.body
    except ValueError:  # azure-eventhub: no body section
        return b""
    if isinstance(content, str | bytes):
        return content if isinstance(content, bytes) else content.encode()
    try:
        return b"".join(content)
    except TypeError:  # AMQP value or sequence sections
        return str(event.body_as_str()).encode()


def properties(event: Any) -> dict[str, Any]:
    """Application properties, texts decoded."""
    return _plain(event.properties or {})


def first_property(event: Any, names: Sequence[str], wanted: Callable[[str], bool] = bool) -> str:
    """The text of the first of these application properties that is wanted (else: not empty); empty without one."""
    found = properties(event)
    texts = (str(found[name]) for name in names if found.get(name))
    return next((text for text in texts if wanted(text)), "")


def _system(event: Any) -> dict[str, Any]:
    return _plain(event.system_properties or {}) | {
        "SequenceNumber": event.sequence_number,
        "Offset": str(event.offset),
        "PartitionKey": _text(event.partition_key),
        "EnqueuedTimeUtc": _instant(event),
    }


def _context(context: Any, checkpoints: bool) -> dict[str, Any]:
    return {
        "IsCheckpointingAfterInvocation": checkpoints,
        "FullyQualifiedNamespace": context.fully_qualified_namespace,
        "EventHubName": context.eventhub_name,
        "ConsumerGroup": context.consumer_group,
        "PartitionId": context.partition_id,
    }


def _instant(event: Any) -> str | None:
    at = event.enqueued_time
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(values: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(_text(name)): _text(value) if isinstance(value, bytes) else value for name, value in values.items()}


def _json(value: Any) -> Value:
    return Value("json", json.dumps(value, default=str))


def _text(value: Any) -> str | None:
    return None if value is None else _decoded(value) if isinstance(value, bytes) else str(value)


def _decoded(content: bytes) -> str:
    return content.decode("utf-8", "replace")
