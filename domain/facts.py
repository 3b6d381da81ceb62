"""What goes to the rules and what comes back: the contract between the workflow and ``rules/rulesets``.

Facts are codes, dates and numbers. Every field that can be absent is ``None`` when absent, and the rules treat ``None``
as unknown: it never approves and never denies.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Facts(BaseModel):
    """Base: camelCase on the wire, frozen in Python."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class LineOfBusiness(StrEnum):
    """Who pays, and so whose regulation rules the clock."""

    MEDICARE_ADVANTAGE = "medicare-advantage"
    MEDICAID = "medicaid"
    CHIP = "chip"
    MARKETPLACE = "marketplace"
    COMMERCIAL = "commercial"


class Urgency(StrEnum):
    """CMS-0057-F: expedited (72 hours) or standard (7 calendar days)."""

    STANDARD = "standard"
    EXPEDITED = "expedited"


# -- eligibility (DRL). Fact types: Request, Member, Coverage (0..*). Result type: Eligibility (exactly one). --


class EligibilityRequest(Facts):
    """Fact type ``Request``."""

    received_on: date
    """Date of receipt in the plan's time zone."""
    service_start: date | None = None
    """First requested service date; ``None``: the date of receipt is used by the rules."""
    service_end: date | None = None


class MemberMatch(Facts):
    """Fact type ``Member``: what the payer's own records say of the submitted member id."""

    matches: int
    """How many members of the payer carry the submitted member id."""
    active: bool | None = None
    """Patient.active of the match."""
    birth_date_agrees: bool | None = None
    """Submitted against recorded birth date; ``None`` when either is absent."""
    deceased: bool | None = None
    """``None``: no death is on record."""
    deceased_on: date | None = None
    """Patient.deceasedDateTime, when it is recorded; a death without a date is looked at by a person."""


class CoverageFact(Facts):
    """Fact type ``Coverage``: one coverage of the matched member, from the payer's own records."""

    reference: str
    status: str | None = None
    """Coverage.status (http://hl7.org/fhir/fm-status)."""
    start: date | None = None
    end: date | None = None
    line_of_business: LineOfBusiness | None = None


class EligibilityOutcome(StrEnum):
    """What the rules say of the member."""

    ELIGIBLE = "eligible"
    INELIGIBLE = "ineligible"
    UNKNOWN = "unknown"
    """A person must look: facts are missing."""


class Eligibility(Facts):
    """Result type ``Eligibility``."""

    outcome: EligibilityOutcome
    reject_code: str | None = None
    """X12 901 code, only when ineligible."""
    coverage: str | None = None
    """Reference of the coverage that was in force, only when eligible."""


# -- medical-necessity (spreadsheet decision table + DRL). Fact types: Service (1..*), Evidence (0..*).
#    Result types: Requirement (one a Service) and Finding (one a criterion that applies to the Service). --


class ServiceFact(Facts):
    """Fact type ``Service``: one requested item."""

    sequence: int
    """Claim.item.sequence."""
    system: str | None = None
    """Code system of Claim.item.productOrService."""
    code: str | None = None
    quantity: float | None = None
    service_on: date
    """The first service date of the item, or the date of receipt."""
    diagnoses: tuple[str, ...] = ()
    """ICD-10-CM codes that the item points to (all of the claim when it points to none)."""
    line_of_business: LineOfBusiness | None = None


class EvidenceFact(Facts):
    """Fact type ``Evidence``: one coded observation or answer that came with the request or is on file."""

    code: str
    """LOINC code, or a linkId-bound code of a questionnaire answer."""
    number: float | None = None
    unit: str | None = None
    """UCUM code of ``number``."""
    boolean: bool | None = None
    coded: str | None = None
    on: date | None = None
    """When it was observed."""
    source: str
    """Reference of the resource that it was read from."""


class RequirementKind(StrEnum):
    """What the payer's list says of a service code."""

    REQUIRED = "required"
    NOT_REQUIRED = "not-required"
    NO_CRITERION = "no-criterion"
    """Nobody wrote a criterion for the code (or the code is absent): a person decides."""


class Requirement(Facts):
    """Result type ``Requirement``."""

    sequence: int
    kind: RequirementKind
    rule: str
    """Id of the row that says so."""


class FindingStatus(StrEnum):
    """Whether a criterion holds."""

    MET = "met"
    UNMET = "unmet"
    UNKNOWN = "unknown"
    """The evidence is absent, too old, or in another unit."""


class Finding(Facts):
    """Result type ``Finding``: one criterion applied to one service."""

    sequence: int
    criterion: str
    """Stable criterion id, for example ``MN-E0601-1``."""
    status: FindingStatus
    text: str
    """The criterion as one sentence for a provider; holds no value of the patient."""
    policy: str | None = None
    """The published policy that the criterion follows, as a citation."""
    evidence_code: str | None = None
    """The LOINC (or answer) code that the criterion looks at: what to ask for when unknown."""
    sources: tuple[str, ...] = ()
    """References of the evidence that was looked at."""


# -- determination (DMN): one call a service. --


class DeterminationInput(Facts):
    """Inputs of the decision ``Determination``."""

    eligibility: EligibilityOutcome
    requirement: RequirementKind
    met: int
    unmet: int
    unknown: int
    information_requested: bool
    """Information was already requested once in this case: do not ask again, let a person decide."""


class DeterminationOutcome(StrEnum):
    """What happens to a service. An adverse outcome is never automatic, so there is no ``deny``."""

    APPROVE = "approve"
    NOT_REQUIRED = "not-required"
    PEND = "pend"
    REQUEST_INFORMATION = "request-information"


class Determination(Facts):
    """Output of the decision ``Determination``."""

    outcome: DeterminationOutcome
    reason: str
    """A code of our own (kebab-case) that says why a case was routed, for example ``criterion-unmet``."""


# -- clock-policy (DMN). --


class ClockInput(Facts):
    """Inputs of the decision ``ClockPolicy``."""

    line_of_business: LineOfBusiness
    urgency: Urgency
    state: str | None = None
    """USPS code of the plan's state, for state rules."""
    kind: str = "initial"
    """``initial`` or ``appeal``."""


class Tolling(StrEnum):
    """What a request for information does to the clock."""

    RUNS = "runs"
    PAUSES = "pauses"


class ClockUnit(StrEnum):
    """How a duration is counted."""

    HOURS = "hours"
    """Elapsed hours."""
    CALENDAR_DAYS = "calendar-days"
    """Dates after the day of receipt, to the last instant of the last date in the plan's time zone."""
    BUSINESS_DAYS = "business-days"


class ExpiryMeaning(StrEnum):
    """What the regulation says when no decision was made in time. Never an automatic denial."""

    DEEMED_DENIED = "deemed-denied"
    """Is an adverse determination by law: appeal rights open, notice is due."""
    FAILURE_TO_NOTIFY = "failure-to-notify"
    """Counts as adverse and may be appealed."""
    LATE = "late"
    """A compliance failure without a deemed outcome."""


class ClockPolicy(Facts):
    """Output of the decision ``ClockPolicy``: one row of the table."""

    row: str
    """Stable id of the row, for example ``CMS-0057-F-MA-EXPEDITED``."""
    duration: int
    unit: ClockUnit
    tolling: Tolling
    extension_days: int
    """Longest extension in calendar days, 0: none."""
    expiry: ExpiryMeaning
    appeal_days: int
    """Calendar days after the notice within which an appeal may be filed."""
    information_hours: int
    """Hours after which missing information no longer delays the review."""
    source: str
    """The regulation, as a citation."""
