"""What an event, or a decision that is passed on, leaves on the Task that it changed, so that its second delivery is
known for one."""

from __future__ import annotations

import hashlib
import json
from typing import Final

from domain import fhir
from domain.codes import ENGINE
from domain.events.cloud_event import Attributes
from domain.json import Resource

EVENT: Final = ENGINE + "event"
"""Identifier system of the marks on a Task."""


def mark(event: Attributes) -> str:
    """The name of an event over all its copies."""
    return mark_of(event.source, event.id)


def mark_of(sender: str, id_: str) -> str:
    """The name of what ``sender`` sends as often as it must: 32 hex of both, which are the sender's own words."""
    return hashlib.sha256(json.dumps([sender, id_]).encode()).hexdigest()[:32]


def marked(task: Resource, mark_: str | None) -> Resource:
    """``task`` with the mark of the event that changed it; as it is without one."""
    if mark_ is None:
        return task
    return {**task, "identifier": [*task.get("identifier", []), {"system": EVENT, "value": mark_}]}


def bears(task: Resource, mark_: str) -> bool:
    """Whether what has this mark changed ``task``."""
    return any((each.get("system"), each.get("value")) == (EVENT, mark_) for each in task.get("identifier", []))


def mark_token(mark_: str) -> str:
    """The search token of the Task that an event changed."""
    return fhir.token(EVENT, mark_)
