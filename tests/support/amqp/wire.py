"""Frames on a stream, and the sections of a message, by the codec of azure-eventhub."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from azure.eventhub._pyamqp._decode import _DECODE_BY_CONSTRUCTOR, decode_frame, decode_payload
from azure.eventhub._pyamqp._encode import encode_frame, encode_payload
from azure.eventhub._pyamqp.message import Message
from azure.eventhub._pyamqp.types import AMQPTypes

AMQP: Final = b"AMQP\x00\x01\x00\x00"
SASL: Final = b"AMQP\x03\x01\x00\x00"
HEADER, ANNOTATIONS, BODY = 0x70, 0x72, 0x75
"""Section codes: https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-messaging-v1.0-os.html#section-message-format"""
_DELIVERY_ANNOTATIONS: Final = 0x71


@dataclass(frozen=True)
class Frame:
    """One frame; ``code`` is the descriptor of its performative."""

    channel: int
    code: int
    fields: list[Any]


async def read_header(reader: asyncio.StreamReader) -> bytes:
    """The eight bytes that open a protocol layer."""
    return await reader.readexactly(8)


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """The next frame that is not a heartbeat.

    Raises:
        asyncio.IncompleteReadError: The peer hung up.
    """
    while True:
        size, _, _, channel = struct.unpack(">IBBH", await reader.readexactly(8))
        if size > 8:
            code, fields = decode_frame(memoryview(await reader.readexactly(size - 8)))
            return Frame(channel, code, fields)


def pack(performative: Any, channel: int = 0, sasl: bool = False) -> bytes:
    """The bytes of a frame."""
    header, data = encode_frame(performative, bytes([sasl]))
    return bytes(header + struct.pack(">H", channel) + (data or b""))


def text(value: bytes | str | None) -> str | None:
    """A string: the codec reads every text as bytes."""
    return value.decode() if isinstance(value, bytes) else value


def typed(kind: AMQPTypes, value: Any) -> dict[str, Any]:
    """A value whose AMQP type is not the one the codec would guess."""
    return {"TYPE": kind, "VALUE": value}


def encode_message(message: Message) -> bytes:
    """The bytes of a message."""
    output = bytearray()
    encode_payload(output, message)
    return bytes(output)


def decode_message(payload: bytes) -> Message:
    """Inverse of ``encode_message``, but texts come as bytes."""
    return decode_payload(memoryview(payload))


def sections(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """The sections of a message as they were sent: decoding would lose the types of texts."""
    view = memoryview(payload)
    while view:
        rest, _ = _DECODE_BY_CONSTRUCTOR[view[3]](view[4:])
        yield view[2], bytes(view[: len(view) - len(rest)])
        view = rest


def stamp(payload: bytes, annotations: dict[bytes, Any]) -> bytes:
    """The message with these message annotations instead of its own."""
    parts = list(sections(payload))
    header = b"".join(part for code, part in parts if code == HEADER)
    bare = b"".join(part for code, part in parts if code not in (HEADER, ANNOTATIONS, _DELIVERY_ANNOTATIONS))
    return header + encode_message(Message(message_annotations=annotations)) + bare
