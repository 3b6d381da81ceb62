"""Apps made on the spot, records and waiting: what the tests of this folder share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import azure.functions as func

from host.app import AppIndex, _index
from host.kafka.record import Held, Record
from host.settings import HostJson

SAFE = {"commitOnFailure": False, "maxRetries": -1}
"""``extensions.kafka`` of an app that loses nothing."""


def index(app: func.FunctionApp, kafka: dict[str, Any] | None = None) -> AppIndex:
    """An app as ``load_app`` gives it."""
    host_json = HostJson.model_validate({"version": "2.0", "extensions": {"kafka": kafka or {}}})
    return _index(Path(), host_json, app.get_functions(), {})


def record(held: Held, offset: int, value: bytes | None = b"v", key: bytes | None = None, **headers: str) -> Record:
    """A consumed record."""
    pairs = tuple((name, text.encode()) for name, text in headers.items())
    return Record(held, offset, 1_767_603_600_123, key, value, pairs)


async def until(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        await asyncio.sleep(0.01)
