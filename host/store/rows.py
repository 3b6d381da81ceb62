"""Events and statuses as compact JSON, for stores that keep text. Fields at their default are left out."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from typing import Any

from host.model import Event, EventKind, Failure, Parent, Status

_DEFAULTS = {field.name: field.default for field in dataclasses.fields(Event) if field.name not in ("kind", "at")}


def event_text(event: Event) -> str:
    """Inverse of ``event_of``."""
    row: dict[str, Any] = {"kind": int(event.kind), "at": event.at.isoformat()}
    for name, default in _DEFAULTS.items():
        if (value := getattr(event, name)) != default:
            row[name] = _plain(value)
    return json.dumps(row, separators=(",", ":"))


def event_of(text: str) -> Event:
    """An event as it was."""
    row = json.loads(text)
    row["kind"] = EventKind(row["kind"])
    row["at"] = datetime.fromisoformat(row["at"])
    if "due" in row:
        row["due"] = datetime.fromisoformat(row["due"])
    if "parent" in row:
        row["parent"] = Parent(*row["parent"])
    if "failure" in row:
        row["failure"] = failure_of(row["failure"])
    if "status" in row:
        row["status"] = Status(row["status"])
    return Event(**row)


def failure_of(row: list[Any]) -> Failure:
    """A failure from its three fields."""
    return Failure(row[0], row[1], tuple(row[2]))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Parent | Failure):
        return list(dataclasses.astuple(value))
    return value
