"""The input that a caller posts: JSON as it is, as curl sends it, or JSON text within a JSON string, as the SDK does.

On Azure the body becomes the input as it came, and ``get_input()`` of SDK 1.x reads text alone (of an orchestrator, an
object too): a list, a number or a plain word makes it raise.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from host.http.errors import BadRequest
from host.options import Compat


@dataclass(frozen=True, slots=True)
class Payload:
    """An input. ``raw`` and ``readable`` differ from their defaults under ``azure`` alone."""

    text: str | None
    """What ``get_input()`` parses; None: nothing was posted."""
    raw: bool = False
    """The function gets the value of ``text`` in its place."""
    readable: bool = True
    """Whether ``get_input()`` can read it."""


async def text_of(request: web.Request) -> str:
    """The body.

    Raises:
        BadRequest: It is no text.
    """
    try:
        return await request.text()
    except (UnicodeDecodeError, LookupError):
        raise BadRequest("The request body is no text in the charset that the request names, or in UTF-8.") from None


def payload(body: str, compat: Compat, *, objects: bool = True) -> Payload:
    """The input in a JSON body. ``objects``: whether ``get_input()`` reads objects too.

    Raises:
        BadRequest: The body is not JSON.
    """
    if not body:
        return Payload(None)
    value = load(body)
    if isinstance(value, str):
        return _text(value, body, compat)
    readable = compat == "fixed" or value is None or (objects and isinstance(value, dict))
    return Payload(body, raw=not readable, readable=readable)


def _text(value: str, quoted: str, compat: Compat) -> Payload:
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return Payload(quoted) if compat == "fixed" else Payload(value, readable=False)
    return Payload(value)


def load(body: str) -> Any:
    """Parse a body.

    Raises:
        BadRequest: It is not JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("The request body is not JSON.") from None
