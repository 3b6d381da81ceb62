"""The case record: a FHIR Task, read and written as a :class:`CaseRecord`.

The Task is what a case is found by (identifier, business status, requester, due). https://hl7.org/fhir/R4/task.html
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from domain import fhir
from domain.case import resource_id, tracking_number
from domain.codes import CASE_ID, CASE_STATE, ORGANIZATION, TASK_CODE, TASK_INPUT, TRACKING_NUMBER, TaskCode
from domain.facts import LineOfBusiness, Urgency
from domain.json import Json, Resource


class CaseState(StrEnum):
    """Codes of ``CASE_STATE``: where a case stands."""

    RECEIVED = "received"
    IN_REVIEW = "in-review"
    INFORMATION_REQUESTED = "information-requested"
    APPROVED = "approved"
    PARTLY_APPROVED = "partly-approved"
    """Some items approved, others denied or modified."""
    MODIFIED = "modified"
    DENIED = "denied"
    NOT_REQUIRED = "not-required"
    INELIGIBLE = "ineligible"
    DEEMED = "deemed"
    """The deadline passed without a decision, which by law counts as adverse: it may be appealed."""
    OVERDUE = "overdue"
    """The deadline passed without a decision, which is a failure of the plan and nothing else."""


OPEN: Final = frozenset({CaseState.RECEIVED, CaseState.IN_REVIEW, CaseState.INFORMATION_REQUESTED})
"""States in which a decision is owed and the clock runs."""
EXPIRED: Final = frozenset({CaseState.DEEMED, CaseState.OVERDUE})
"""States after a deadline without a decision: the clock has ended, a person still decides."""
DECIDED: Final = frozenset(CaseState) - OPEN - EXPIRED
"""States after a decision."""
APPEALABLE: Final = frozenset(
    {CaseState.DENIED, CaseState.PARTLY_APPROVED, CaseState.MODIFIED, CaseState.DEEMED, CaseState.INELIGIBLE}
)
"""Adverse answers, and what counts as one."""

RECORD_CODES: Final = f"{TASK_CODE}|{TaskCode.PRIOR_AUTHORIZATION},{TASK_CODE}|{TaskCode.APPEAL}"
"""Search tokens of ``Task.code``: every case record."""
_STATUS: Final = {
    CaseState.RECEIVED: "requested",
    CaseState.IN_REVIEW: "in-progress",
    CaseState.INFORMATION_REQUESTED: "on-hold",
    CaseState.DEEMED: "in-progress",
    CaseState.OVERDUE: "in-progress",
    CaseState.INELIGIBLE: "rejected",
}
_VALUES: Final = {
    "content_hash": ("content-hash", "valueString"),
    "urgency": ("urgency", "valueCode"),
    "line_of_business": ("line-of-business", "valueCode"),
    "zone": ("time-zone", "valueCode"),
    "clock_row": ("clock-policy-row", "valueCode"),
    "member_matches": ("member-matches", "valueInteger"),
    "birth_date_agrees": ("birth-date-agrees", "valueBoolean"),
    "appeals": ("appeals", "valueString"),
    "appeal_until": ("appeal-until", "valueDateTime"),
    "superseded_by": ("superseded-by", "valueString"),
    "ended": ("ended", "valueBoolean"),
    "bundle": ("request-bundle", "valueReference"),
    "coverage": ("coverage", "valueReference"),
}
"""Field -> code of ``TASK_INPUT`` and value[x] of the Task.input that carries it."""
_EVIDENCE: Final = "evidence"
_EXCLUDED: Final = "excluded-reviewer"
_RESPONSE: Final = "claim-response"
_STEP: Final = "step"
_RULE: Final = "rule"


class CaseRecord(BaseModel):
    """What the record says of a case. References are ``Type/id``; instants are UTC."""

    model_config = ConfigDict(frozen=True)

    id: str
    """Instance id, ``prior-authorization-<hex>``."""
    state: CaseState
    submitter: str
    """Organization of the principal that submitted."""
    submitter_reference: str | None = None
    """Its Organization on the FHIR server, when there is one."""
    received_at: datetime
    content_hash: str
    urgency: Urgency
    line_of_business: LineOfBusiness | None = None
    zone: str | None = None
    """IANA time zone of the plan at receipt."""
    due: datetime | None = None
    clock_row: str | None = None
    claim: str
    response: str
    bundle: str
    patient: str | None = None
    """The payer's own Patient, when matched."""
    coverage: str | None = None
    member_matches: int = 0
    """How many of the payer's members carried the submitted member id at receipt."""
    birth_date_agrees: bool | None = None
    """Submitted against recorded birth date at receipt; ``None`` when either is absent."""
    evidence: tuple[str, ...] = ()
    """Stored resources that carry evidence or documents."""
    appeals: str | None = None
    """Instance id of the case that this appeal is of; ``None`` for a first request."""
    excluded_reviewers: tuple[str, ...] = ()
    """Principals who may not review: those who decided what is appealed."""
    appeal_until: datetime | None = None
    """The last instant at which an appeal of the answer may be filed; ``None``: there is nothing to appeal."""
    superseded_by: str | None = None
    """Instance id of the appeal that was filed before a decision was made: none is recorded here any more."""
    ended: bool | None = None
    """Set when the instance of a superseded case has ended."""
    version: str | None = None
    """``meta.versionId`` of the Task; for If-Match."""

    @property
    def reference(self) -> str:
        """``Task/<id>`` of the record."""
        return f"Task/{case_task_id(self.id)}"

    @property
    def subject(self) -> str:
        """The case whose ClaimResponse is decided: an appeal's is the case that it appeals."""
        return self.appeals or self.id

    @property
    def decided(self) -> bool:
        """Whether a decision is recorded. A case whose deadline passed still awaits a person's."""
        return self.state in DECIDED

    @property
    def status(self) -> str:
        """``Task.status``. A superseded case stays in its state, and is complete when its instance has ended."""
        return "completed" if self.ended else _STATUS.get(self.state, "completed")

    @property
    def tracking_number(self) -> str:
        """The number that the submitter quotes."""
        return tracking_number(self.subject)


def case_task_id(case: str) -> str:
    """FHIR id of a case's record."""
    return resource_id(case, "case")


def case_task(record: CaseRecord) -> Resource:
    """The Task that says ``record``."""
    return fhir.strip_empty(
        {
            "resourceType": "Task",
            "id": case_task_id(record.id),
            "identifier": [
                {"system": CASE_ID, "value": record.id},
                {"system": TRACKING_NUMBER, "value": record.tracking_number},
            ],
            "status": record.status,
            "businessStatus": fhir.concept(CASE_STATE, record.state),
            "intent": "order",
            "priority": "urgent" if record.urgency is Urgency.EXPEDITED else "routine",
            "code": fhir.concept(TASK_CODE, TaskCode.APPEAL if record.appeals else TaskCode.PRIOR_AUTHORIZATION),
            "partOf": [{"reference": f"Task/{case_task_id(record.appeals)}"}] if record.appeals else None,
            "focus": {"reference": record.claim},
            "for": {"reference": record.patient} if record.patient else None,
            "authoredOn": fhir.instant(record.received_at),
            "requester": fhir.strip_empty(
                {
                    "reference": record.submitter_reference,
                    "type": "Organization",
                    "identifier": {"system": ORGANIZATION, "value": record.submitter},
                }
            ),
            "restriction": {"period": {"end": fhir.instant(record.due)}} if record.due else None,
            "input": _inputs(record),
            "output": [{"type": fhir.concept(TASK_INPUT, _RESPONSE), "valueReference": {"reference": record.response}}],
        }
    )


def read_case(task: Resource) -> CaseRecord:
    """The record that a case Task says."""
    listed = [_typed(one) for one in task["input"]]
    inputs = dict(listed)
    period = (task.get("restriction") or {}).get("period") or {}
    return CaseRecord(
        id=str(fhir.identifier(task, CASE_ID)),
        state=CaseState(str(fhir.code(task["businessStatus"], CASE_STATE))),
        submitter=task["requester"]["identifier"]["value"],
        submitter_reference=fhir.reference(task["requester"]),
        received_at=datetime.fromisoformat(task["authoredOn"]),
        due=fhir.parse_instant(period.get("end")),
        claim=task["focus"]["reference"],
        response=next(str(value) for code, value in map(_typed, task["output"]) if code == _RESPONSE),
        patient=fhir.reference(task.get("for")),
        evidence=tuple(value for code, value in listed if code == _EVIDENCE),
        excluded_reviewers=tuple(value for code, value in listed if code == _EXCLUDED),
        version=(task.get("meta") or {}).get("versionId"),
        **{field: inputs[code] for field, (code, _) in _VALUES.items() if code in inputs},
    )


def changed_case(task: Resource, **changes: Any) -> Resource:
    """``task`` with fields of its :class:`CaseRecord` changed. What others added to it (notes, outputs) stays."""
    record = read_case(task)
    before, after = case_task(record), case_task(record.model_copy(update=changes))
    kept = {key: value for key, value in task.items() if key not in before or key in after}
    return {
        **kept,
        **after,
        "input": _merged(task, before, after, "input"),
        "output": _merged(task, before, after, "output"),
    }


def _merged(task: Resource, before: Resource, after: Resource, element: str) -> list[Json]:
    ours = {_typed(one)[0] for one in (*before[element], *after[element])}
    return [*after[element], *(one for one in task[element] if _typed(one)[0] not in ours)]


def _inputs(record: CaseRecord) -> list[Resource]:
    inputs = []
    for field, (code, kind) in _VALUES.items():
        value = getattr(record, field)
        if value is not None:
            shown = {"reference": value} if kind == "valueReference" else value
            shown = fhir.instant(value) if isinstance(value, datetime) else shown
            inputs.append({"type": fhir.concept(TASK_INPUT, code), kind: shown})
    evidence, excluded = fhir.concept(TASK_INPUT, _EVIDENCE), fhir.concept(TASK_INPUT, _EXCLUDED)
    inputs += [{"type": evidence, "valueReference": {"reference": each}} for each in record.evidence]
    return inputs + [{"type": excluded, "valueString": each} for each in record.excluded_reviewers]


def _typed(one: Resource) -> tuple[str | None, Json]:
    value = next((value for key, value in one.items() if key.startswith("value")), None)
    return fhir.code(one["type"], TASK_INPUT), fhir.reference(value) or value


def with_timeline(task: Resource, steps: Sequence[tuple[str, datetime]]) -> Resource:
    """``task`` with the way that its case went: ``step@instant`` an output, in order."""
    kept = [one for one in task.get("output", []) if _typed(one)[0] != _STEP]
    way = [{"type": fhir.concept(TASK_INPUT, _STEP), "valueString": f"{step}@{fhir.instant(at)}"} for step, at in steps]
    return {**task, "output": [*kept, *way]}


def with_rules(task: Resource, fired: Sequence[str]) -> Resource:
    """``task`` with the ids of the rules that took part, an output each."""
    kept = [one for one in task.get("output", []) if _typed(one)[0] != _RULE]
    return {
        **task,
        "output": [*kept, *({"type": fhir.concept(TASK_INPUT, _RULE), "valueCode": each} for each in fired)],
    }


def rules_of(task: Resource) -> list[str]:
    """The ids that ``with_rules`` wrote."""
    return [str(value) for code, value in map(_typed, task.get("output", [])) if code == _RULE]


def timeline(task: Resource) -> list[tuple[str, datetime]]:
    """The way that ``with_timeline`` wrote."""
    ways = (str(value).split("@", 1) for code, value in map(_typed, task.get("output", [])) if code == _STEP)
    return [(step, datetime.fromisoformat(at)) for step, at in ways]
