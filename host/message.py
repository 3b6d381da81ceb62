"""What a message trigger (Kafka, Event Hubs) gives to a function: a datum and its metadata, as they come off the wire.

The types are those of ``TypedData`` of the Functions RPC protocol, which the converters of azure.functions read.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

from azure.functions import meta

DatumType = Literal["string", "bytes", "json", "collection_string", "collection_bytes", "collection_sint64"]


@dataclass(frozen=True, slots=True)
class Value:
    """A typed value. ``json`` holds JSON text; a collection holds a tuple."""

    type: DatumType
    value: str | bytes | tuple[str, ...] | tuple[bytes, ...] | tuple[int, ...]

    def datum(self) -> meta.Datum:
        """As the converters see it: collections have the attributes of the protobuf messages."""
        if self.type.startswith("collection_"):
            return meta.Datum(SimpleNamespace(**{self.type.removeprefix("collection_"): self.value}), self.type)
        return meta.Datum(self.value, self.type)


@dataclass(frozen=True, slots=True)
class Message:
    """What a trigger parameter is made of."""

    data: Value
    metadata: Mapping[str, Value | None]
    """None: the metadata has that name and no value (a record without a key)."""

    def trigger_metadata(self) -> dict[str, meta.Datum | None]:
        """For ``decode(..., trigger_metadata=)``: None for what has no value, as the worker reads it."""
        return {name: value and value.datum() for name, value in self.metadata.items()}


def message_to_json(message: Message) -> dict[str, Any]:
    """Plain JSON of a message, for the pipe to the process of the functions."""
    metadata = {name: value and _to_json(value) for name, value in message.metadata.items()}
    return {"data": _to_json(message.data), "metadata": metadata}


def message_from_json(document: Mapping[str, Any]) -> Message:
    """Inverse of ``message_to_json``."""
    metadata = {name: value and _from_json(value) for name, value in document["metadata"].items()}
    return Message(_from_json(document["data"]), metadata)


def _to_json(value: Value) -> list[Any]:
    content: Any = value.value
    if value.type == "bytes":
        content = base64.b64encode(content).decode()
    elif value.type == "collection_bytes":
        content = [base64.b64encode(each).decode() for each in content]
    return [value.type, content]


def _from_json(document: list[Any]) -> Value:
    kind, content = document
    if kind == "bytes":
        return Value(kind, base64.b64decode(content))
    if kind == "collection_bytes":
        return Value(kind, tuple(base64.b64decode(each) for each in content))
    return Value(kind, content if isinstance(content, str) else tuple(content))
