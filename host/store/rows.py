"""Events and statuses as compact JSON, for stores that keep text. Fields at their default are left out."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from host.model import Event, EventKind, Failure, Parent, Status

_OPTIONAL = [field for field in dataclasses.fields(Event) if field.name not in ("kind", "at")]
_NAMES = [field.name for field in _OPTIONAL]
_DEFAULTS = [field.default for field in _OPTIONAL]
_values = attrgetter(*_NAMES)
_encode = json.JSONEncoder(separators=(",", ":")).encode
"""Made once: ``json.dumps`` with separators makes an encoder at each call."""


def event_text(event: Event) -> str:
    """Inverse of ``event_of``."""
    return _encode(_row(event))


def event_of(text: str) -> Event:
    """An event as it was."""
    return _event(json.loads(text))


def events_text(events: Sequence[Event]) -> str:
    """The events of one turn as one text. Inverse of ``events_of``."""
    return _encode([_row(event) for event in events])


def events_of(text: str) -> list[Event]:
    """Events as they were."""
    return [_event(row) for row in json.loads(text)]


def parent_row(parent: Parent) -> list[Any]:
    """Inverse of ``Parent(*row)``."""
    return [parent.instance, parent.execution, parent.name, parent.task]


def failure_row(failure: Failure) -> list[Any]:
    """Inverse of ``failure_of``."""
    return [failure.type, failure.text, failure.frames]


def failure_of(row: list[Any]) -> Failure:
    """A failure from its three fields."""
    return Failure(row[0], row[1], tuple(row[2]))


def _row(event: Event) -> dict[str, Any]:
    row: dict[str, Any] = {"kind": event.kind.value, "at": event.at.isoformat()}
    for name, value, default in zip(_NAMES, _values(event), _DEFAULTS, strict=True):
        if value is not default and value != default:  # most are the very object
            row[name] = _plain(value)
    return row


def _event(row: dict[str, Any]) -> Event:
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


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Parent):
        return parent_row(value)
    if isinstance(value, Failure):
        return failure_row(value)
    return value
