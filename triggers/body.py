"""What somebody sent, within its limits, by whatever channel."""

from __future__ import annotations

import json

from domain.errors import Malformed, Problem, TooLarge
from domain.json import Json
from domain.pas.bundle import Limits, deeper_than
from settings import Settings


def limits(values: Settings) -> Limits:
    """What a body may be at most."""
    return Limits(body=values.max_body_bytes, depth=values.max_depth, entries=values.max_entries)


def limited(body: bytes, values: Settings) -> bytes:
    """The body. Raises ``TooLarge('body')`` over the limit."""
    if len(body) > values.max_body_bytes:
        raise TooLarge("body", f"send at most {values.max_body_bytes} bytes")
    return body


def read_json(body: bytes, values: Settings) -> Json:
    """The body as JSON. Raises ``Malformed('not-json')`` and ``TooLarge('body'|'depth')``."""
    too_deep = TooLarge("depth", f"nest at most {values.max_depth} levels")
    try:
        read = json.loads(limited(body, values))
    except RecursionError:
        raise too_deep from None
    except ValueError:
        raise Malformed([Problem(path="$", text="The body is not JSON.", code="structure")], "not-json") from None
    if deeper_than(read, values.max_depth):
        raise too_deep
    return read
