"""An event as its handler sees it, and what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from adapters.connections import Connections
from domain.errors import Forbidden
from domain.events.cloud_event import Attributes
from domain.principal import Principal
from triggers.instances import Instances


class Kind(StrEnum):
    """What became of an event."""

    STARTED = "started"
    """It started an instance; dry: it would."""
    EXISTS = "exists"
    """What it asks for was done before."""
    RAISED = "raised"
    """It was told to an instance that waits; dry: it would be."""
    IGNORED = "ignored"
    """It is of no type that its topic is read for, or nothing waits for it."""
    DEAD = "dead"
    """Nobody can take it: a dead letter tells of it."""
    PARKED = "parked"
    """It waits for a dead letter of its key."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one event."""

    kind: Kind
    case: str | None = None
    """Instance id of the case that it is about."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event with all that its handler may use. Its source is one that this payer trusts."""

    attributes: Attributes
    data: Any
    """The model that ``domain.events.catalog`` names for the type."""
    appended: datetime
    """When the broker took it: the time of receipt."""
    to: Connections
    instances: Instances
    dry: bool = False
    """Read, decide, and write nothing."""

    def principal(self, organization: str | None = None) -> Principal:
        """Who acts in it. Raises ``Forbidden('unknown-source')``, and ``Forbidden('organization')`` when the source may
        not speak for ``organization``."""
        name = self.attributes.source
        source = self.to.settings.event_sources.get(name)
        if source is None:
            raise Forbidden("unknown-source", "the source of the event is none of WORKFLOW_EVENT_SOURCES")
        return source.principal(name, organization)


Handler = Callable[[Event], Awaitable[Outcome]]
"""Starts or raises by an event, or finds that it was done. Idempotent by ``(source, id)`` and by the state of FHIR: an
event that comes again answers ``EXISTS``. Waits for nobody. Raises ``Rejected`` or ``Unavailable``."""
