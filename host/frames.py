"""Messages of the pipe between the host and the process of its functions: four bytes of length, then JSON."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any

_LENGTH = struct.Struct(">I")


async def read(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """The next message; None at the end of the stream."""
    try:
        size = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))[0]
        message: dict[str, Any] = json.loads(await reader.readexactly(size))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    return message


def write(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    """Queue a message."""
    content = json.dumps(message).encode()
    writer.write(_LENGTH.pack(len(content)) + content)
