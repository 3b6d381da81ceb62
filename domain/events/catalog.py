"""Every event: its type, the topic that carries it and the model of its data. The one list of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.events import data


class Topic(StrEnum):
    """The topics. ``events/topics.yaml`` says how each is kept; a test compares the two."""

    REQUESTS = "prior-authorization.requests"
    ATTACHMENTS = "prior-authorization.attachments"
    COVERAGE = "eligibility.changes"
    DECISIONS = "prior-authorization.outside-decisions"
    EVENTS = "prior-authorization.events"
    STEPS = "process.steps"

    @property
    def dead_letters(self) -> str:
        """Where what nobody could take is told."""
        return f"{self}.dead-letters"

    @property
    def parked(self) -> str:
        """Where what waits for a dead letter of its key is told."""
        return f"{self}.parked"


INCOMING: Final = (Topic.REQUESTS, Topic.ATTACHMENTS, Topic.COVERAGE, Topic.DECISIONS)
"""Topics that others write and the engine reads."""
ORDERED: Final = frozenset({Topic.ATTACHMENTS, Topic.DECISIONS})
"""Where a record means something only after the earlier ones of its key."""


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of event."""

    name: str
    """``<what>.v<major>``: CloudEvents ``type`` and subject in the schema registry."""
    topic: str
    data: type[data.EventData]
    about: str
    """One sentence, for AsyncAPI."""
    version: int = 1
    """The newest version of its schema."""

    @property
    def schema(self) -> str:
        """CloudEvents ``dataschema``."""
        return f"urn:workflow-engine:event:{self.name}:{self.version}"


REQUESTED: Final = EventType(
    "prior-authorization.requested.v1", Topic.REQUESTS, data.Requested, "A PAS request is on the FHIR server."
)
ATTACHMENT: Final = EventType(
    "attachment.received.v1", Topic.ATTACHMENTS, data.AttachmentReceived, "Documents that were asked for are there."
)
COVERAGE_CHANGED: Final = EventType(
    "coverage.changed.v1", Topic.COVERAGE, data.CoverageChanged, "A member's Coverage changed."
)
DECISION_TAKEN: Final = EventType(
    "decision.taken.v1", Topic.DECISIONS, data.DecisionTaken, "A review was decided in another system."
)
RECEIVED: Final = EventType("prior-authorization.received.v1", Topic.EVENTS, data.Received, "A case was opened.")
PENDED: Final = EventType("prior-authorization.pended.v1", Topic.EVENTS, data.Pended, "A person is to review.")
INFORMATION_REQUESTED: Final = EventType(
    "prior-authorization.information-requested.v1",
    Topic.EVENTS,
    data.InformationRequested,
    "The provider was asked for more.",
)
DECIDED: Final = EventType("prior-authorization.decided.v1", Topic.EVENTS, data.Decided, "A decision is recorded.")
EXPIRED: Final = EventType(
    "prior-authorization.expired.v1", Topic.EVENTS, data.Expired, "The deadline passed without a decision."
)
STEP: Final = EventType("process.step.v1", Topic.STEPS, data.StepReported, "A step of a workflow ran.")
DEAD_LETTER: Final = EventType("dead-letter.v1", "*.dead-letters", data.DeadLetter, "A record that nobody could take.")
PARKED: Final = EventType("parked.v1", "*.parked", data.Parked, "A record that waits for a dead letter of its key.")

EVENTS: Final = (
    REQUESTED,
    ATTACHMENT,
    COVERAGE_CHANGED,
    DECISION_TAKEN,
    RECEIVED,
    PENDED,
    INFORMATION_REQUESTED,
    DECIDED,
    EXPIRED,
    STEP,
    DEAD_LETTER,
    PARKED,
)
BY_NAME: Final = {event.name: event for event in EVENTS}
