"""The data of each event. References and codes only (claim check): what they name is read from the FHIR server.

The JSON Schemas in ``events/schemas`` are made of these models. Fields are only ever added, with a default; anything
else is a new major version: a new model, a new type. Writers send no other fields, readers ignore what they don't know.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from domain.facts import LineOfBusiness, Urgency

_ID = r"[A-Za-z0-9\-.]{1,64}"
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:\-]{0,99}$")]
"""A code or an identifier of ours, never free text."""
Case = Annotated[str, StringConstraints(pattern=r"^[a-z-]{1,60}-[0-9a-f]{32}$")]
"""Instance id of a case."""
Binary = Annotated[str, StringConstraints(pattern=rf"^Binary/{_ID}$")]
Coverage = Annotated[str, StringConstraints(pattern=rf"^Coverage/{_ID}$")]
Task = Annotated[str, StringConstraints(pattern=rf"^Task/{_ID}$")]
Claim = Annotated[str, StringConstraints(pattern=rf"^Claim/{_ID}$")]
Answer = Annotated[str, StringConstraints(pattern=rf"^ClaimResponse/{_ID}(/_history/{_ID})?$")]


class EventData(BaseModel):
    """Base of all: frozen, closed for writers (``additionalProperties: false``), open for readers."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", use_attribute_docstrings=True, json_schema_extra={"additionalProperties": False}
    )


class Requested(EventData):
    """A portal or clearing house put a PAS request Bundle on the FHIR server."""

    organization: Code
    """On whose behalf: one of the organizations that the source may speak for."""
    request: Binary
    """Holds the Bundle as it was sent (``application/fhir+json``)."""


class AttachmentReceived(EventData):
    """Documents that a provider was asked for are on the FHIR server."""

    organization: Code
    attachment: Binary
    """Holds the CDex ``$submit-attachment`` Parameters."""


class CoverageChanged(EventData):
    """The payer's membership system changed a Coverage."""

    coverage: Coverage


class DecisionTaken(EventData):
    """A delegated reviewer decided a review in another system."""

    task: Task
    decision: Binary
    """Holds the body of ``POST /tasks/{id}/decision``."""


class Received(EventData):
    """A case was opened."""

    case: Case
    record: Task
    claim: Claim
    submitter: Code
    line_of_business: LineOfBusiness
    urgency: Urgency
    received_at: datetime
    due: datetime
    appeals: Case | None = None
    """The case that this one appeals."""


class Pended(EventData):
    """A person is to review."""

    case: Case
    record: Task
    task: Task
    due: datetime
    reasons: tuple[Code, ...] = ()


class InformationRequested(EventData):
    """The provider was asked for more."""

    case: Case
    record: Task
    task: Task
    due: datetime | None = None
    """Until when the case waits for it."""


class Decided(EventData):
    """A decision is recorded."""

    case: Case
    record: Task
    response: Answer
    """The version of the ClaimResponse that says it."""
    state: Code
    """A code of ``domain.cases.CaseState``."""
    source: Literal["rules", "reviewer"]
    actions: tuple[Code, ...] = ()
    """X12 306 codes, one an item."""
    decided_at: datetime


class Expired(EventData):
    """The deadline passed without a decision."""

    case: Case
    record: Task
    state: Literal["deemed", "overdue"]
    policy: Code
    """Row of the clock policy that says so."""
    due: datetime


class StepReported(EventData):
    """A step of a workflow ran. A hint: it may be lost, or come twice."""

    case: Case
    workflow: Code
    step: Code
    n: int
    outcome: Literal["completed", "failed"]
    code: Code | None = None
    """Why it failed."""


class DeadLetter(EventData):
    """A record that nobody could take: where it lies and why, never what it says."""

    topic: Code
    partition: int
    offset: int
    appended_at: datetime
    """When the broker took the record."""
    reason: Code
    places: tuple[str, ...] = ()
    """JSON paths of what is wrong with it; names of ours, or ``?``."""
    lane: str | None = None
    """Hash of the record's key, where later records of that key wait for this one."""


class Parked(EventData):
    """A record that waits for an earlier one of its key, which is a dead letter."""

    topic: Code
    partition: int
    offset: int
    appended_at: datetime
    lane: str
