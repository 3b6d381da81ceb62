"""What each step of a workflow takes and gives: the ``data`` of its envelope and of its answer.

Kept apart from activities so that orchestrators, which import the domain only, are typed too.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from domain.envelope import Message
from domain.facts import (
    ClockPolicy,
    Determination,
    Eligibility,
    EligibilityOutcome,
    Finding,
    LineOfBusiness,
    Requirement,
    Urgency,
)

PUBLISH: Final = "publish-"
"""How the BPMN elements begin that tell others what happened (``publish-received``, ...): one activity serves them."""


class StartInput(Message):
    """The input of an orchestration: nothing but the reference of its record; all else is read from FHIR."""

    record: str
    """The FHIR Task that is the case's (or appeal's) record: ``Task/<id>``."""


class CaseFile(Message):
    """Answer of *open-case*: what the workflow needs to know of the case, as codes and references."""

    closed: bool
    """The record is finished: return at once and write nothing."""
    state: str
    received_at: datetime
    line_of_business: LineOfBusiness
    urgency: Urgency
    rules: dict[str, str]
    excluded_reviewers: tuple[str, ...] = ()
    """Who may not review: an appeal is never decided by the first reviewer."""
    claim: str = ""
    """``Claim/<id>``."""
    submitter: str = ""
    """Organization of the principal that submitted."""
    appeals: str | None = None
    """Instance id of the case that this one appeals."""


class Milestone(Message):
    """An instant at which an open case escalates."""

    at: datetime
    percent: int


class Pause(Message):
    """A stretch in which the clock stood still, because the policy tolls it while information is missing."""

    start: datetime
    end: datetime


class SetDeadlineInput(Message):
    """Data of *set-deadline*."""

    kind: str
    """``initial`` or ``appeal``."""
    received_at: datetime
    line_of_business: LineOfBusiness
    urgency: Urgency
    pauses: tuple[Pause, ...] = ()


class DeadlineSet(Message):
    """Answer of *set-deadline*."""

    due: datetime
    zone: str
    calendar: str
    """Name and version of the holiday calendar and of the time-zone data that the instant was computed with."""
    policy: ClockPolicy
    milestones: tuple[Milestone, ...]
    state: str | None = None
    """USPS code of the state whose rules were asked; answers of older cases do not say it."""


class EligibilityAnswer(Message):
    """Answer of *check-eligibility*."""

    eligibility: Eligibility
    fired: tuple[str, ...]


class NecessityAnswer(Message):
    """Answer of *assess-necessity*."""

    requirements: tuple[Requirement, ...]
    findings: tuple[Finding, ...]
    fired: tuple[str, ...]


class DetermineInput(Message):
    """Data of *determine*."""

    eligibility: EligibilityOutcome
    requirements: tuple[Requirement, ...]
    findings: tuple[Finding, ...]
    information_requested: bool = False


class ItemDetermination(Message):
    """What the rules say of one item."""

    sequence: int
    determination: Determination


class DetermineAnswer(Message):
    """Answer of *determine*."""

    items: tuple[ItemDetermination, ...]
    fired: tuple[str, ...]


class DecisionSource(StrEnum):
    """Who decided."""

    RULES = "rules"
    REVIEWER = "reviewer"


class ItemAction(Message):
    """The X12 306 action of one item. Details of a person's decision stay in the review Task."""

    sequence: int
    action: str


class RecordDecisionInput(Message):
    """Data of *record-decision*."""

    source: DecisionSource
    items: tuple[ItemAction, ...] = ()
    """What the rules decided; a person's decision is read from ``review``."""
    reject_code: str | None = None
    """X12 901 code of a request that business refuses; then ``items`` is empty."""
    review: str | None = None
    """Versioned reference of the decided review Task, when a person decided."""
    policy: ClockPolicy | None = None
    """How long an appeal may be filed."""


class RecordedDecision(Message):
    """Answer of *record-decision*."""

    claim_response: str
    """Versioned reference of the ClaimResponse that holds the decision."""
    actions: tuple[str, ...]
    superseded: bool = False
    """Nothing was recorded: an appeal was filed meanwhile, and its decision counts."""
    state: str = ""
    """Where the case stands with it: a code of ``domain.cases.CaseState``."""
    at: datetime | None = None
    """When it was recorded first."""


class OpenReviewInput(Message):
    """Data of *open-review*."""

    round: int
    reasons: tuple[str, ...]
    """Why the case was routed to a person: reason codes of *determine*."""
    requirements: tuple[Requirement, ...] = ()
    findings: tuple[Finding, ...] = ()
    excluded_reviewers: tuple[str, ...] = ()
    queue: str = "clinical-review"


class TaskOpened(Message):
    """Answer of *open-review* and *request-information*."""

    task: str
    """``Task/<id>``."""
    due: datetime | None = None
    """When waiting for the task no longer delays the case."""
    superseded: bool = False
    """No task was opened: an appeal was filed meanwhile, and its decision counts."""


class TakeDecisionInput(Message):
    """Data of *take-decision*."""

    task: str


class Missing(Message):
    """Evidence that is missing for an item."""

    sequence: int
    code: str
    """LOINC code of what to send."""


class TakenDecision(Message):
    """Answer of *take-decision*: the codes of what a person decided."""

    kind: str
    """``approve``, ``deny``, ``modify`` or ``request-information``."""
    task: str
    """Versioned reference of the decided Task."""
    reviewer: str
    items: tuple[ItemAction, ...] = ()
    missing: tuple[Missing, ...] = ()
    """What the reviewer asks for."""


class RequestInformationInput(Message):
    """Data of *request-information*."""

    round: int
    missing: tuple[Missing, ...]
    policy: ClockPolicy


class CloseInformationInput(Message):
    """Data of *close-information*."""

    task: str


class WithdrawTaskInput(Message):
    """Data of *withdraw-task*."""

    task: str


class TaskWithdrawn(Message):
    """Answer of *withdraw-task*."""

    withdrawn: bool
    """``False``: it was decided or answered a moment before, and that counts."""


class PublishInput(Message):
    """Data of the elements that begin with ``PUBLISH``: one event, whole but for the case and its record."""

    type: str
    """CloudEvents ``type``; the topic and the model of its data are those of ``domain.events.catalog``."""
    key: str
    """What tells this event from others of its type and case: a reference, versioned where what it names changes."""
    at: datetime
    """When it happened."""
    data: dict[str, Any]


class EscalateInput(Message):
    """Data of *escalate*. The open human task stands in the envelope."""

    percent: int


class ExpireInput(Message):
    """Data of *record-deemed*."""

    policy: ClockPolicy


class NotifyInput(Message):
    """Data of *notify-provider*."""

    event: str
    """``decided``, ``information-requested``, ``deemed`` or ``overdue``."""
    key: str
    """What tells this notice from another of the same event: a versioned reference or an instant."""
    last: bool = False
    """No try follows: where nobody can be told, that is recorded and the case goes on."""


class CloseInput(Message):
    """Data of *close-case*."""

    state: str
    timeline: tuple[TimelineEntry, ...]


class TimelineEntry(Message):
    """One step of the way that a case went."""

    step: str
    at: datetime


CloseInput.model_rebuild()
