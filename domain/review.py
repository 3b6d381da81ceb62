"""A clinical review: the FHIR Task in a reviewer queue, who may take it, and the decision that it ends with.

The reviewer's words stay in the Task (``note``); everything else about a decision is codes, dates and numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from domain import fhir
from domain.case import resource_id
from domain.cases import CaseRecord
from domain.codes import CASE_ID, ENGINE, NPI, NUCC, PRINCIPAL, ROUTING_REASON, TASK_CODE, TASK_INPUT, TaskCode
from domain.decision import ItemDecision
from domain.errors import Conflict, Forbidden
from domain.facts import Finding, Requirement, Urgency
from domain.json import Json, Resource
from domain.messages import OpenReviewInput
from domain.pas.response import Reviewer
from domain.principal import Principal, Role
from domain.review_decision import ReviewDecision, item_decisions

QUEUE: Final = ENGINE + "queue"
"""Code system of Task.performerType: the queue that a review waits in."""
REVIEW_STATE: Final = ENGINE + "review-state"
"""Code system of a review's businessStatus: ``open``, ``claimed``, ``decided``, ``recorded``, ``withdrawn``."""
RECORDED: Final = "recorded"
"""State of a review whose decision was taken up."""
DECIDED_STATUS: Final = f"{REVIEW_STATE}|decided"
"""Token of reviews that are decided and whose decision is not recorded yet."""
REVIEW_CODES: Final = f"{TASK_CODE}|{TaskCode.CLINICAL_REVIEW},{TASK_CODE}|{TaskCode.APPEAL_REVIEW}"
"""Tokens of Task.code of a review."""
FINISHED: Final = frozenset({"completed", "cancelled", "failed", "rejected", "entered-in-error"})
_REVIEWERS: Final = (Role.REVIEWER, Role.MEDICAL_DIRECTOR)
_Facts = TypeVar("_Facts", bound=BaseModel)


def review_task(record: CaseRecord, opening: OpenReviewInput, *, due: datetime | None, opened: datetime) -> Resource:
    """The Task of round ``opening.round``. ``due``: the case's deadline; both instants are UTC."""
    code = TaskCode.APPEAL_REVIEW if record.appeals else TaskCode.CLINICAL_REVIEW
    return fhir.strip_empty(
        {
            "resourceType": "Task",
            "id": resource_id(record.id, f"review:{opening.round}"),
            "groupIdentifier": {"system": CASE_ID, "value": record.id},
            "partOf": [{"reference": record.reference}],
            "status": "requested",
            "businessStatus": fhir.concept(REVIEW_STATE, "open"),
            "intent": "order",
            "priority": "urgent" if record.urgency is Urgency.EXPEDITED else "routine",
            "code": fhir.concept(TASK_CODE, code),
            "focus": {"reference": record.claim},
            "for": {"reference": record.patient} if record.patient else None,
            "authoredOn": fhir.instant(opened),
            "performerType": [fhir.concept(QUEUE, opening.queue)],
            "reasonCode": {"coding": [{"system": ROUTING_REASON, "code": reason} for reason in opening.reasons]},
            "restriction": {"period": {"end": fhir.instant(due)}} if due else None,
            "input": _inputs(opening),
        }
    )


def reasons(task: Resource) -> list[str]:
    """Why the case was routed to a person: codes of the determination."""
    return fhir.codes(task.get("reasonCode"), ROUTING_REASON)


def findings(task: Resource) -> tuple[Finding, ...]:
    """Criteria met, unmet and unknown, with the references of their evidence."""
    return _facts(task, "finding", Finding)


def requirements(task: Resource) -> tuple[Requirement, ...]:
    """What the payer's list says of each item."""
    return _facts(task, "requirement", Requirement)


def excluded(task: Resource) -> frozenset[str]:
    """Principals who may not review."""
    return frozenset(str(value) for value in _values(task, "excluded-reviewer"))


def queue(task: Resource) -> str:
    """The queue that the review waits in."""
    return str(fhir.code((task.get("performerType") or [{}])[0], QUEUE))


def owner(task: Resource) -> str | None:
    """Id of the principal who claimed the review."""
    return ((task.get("owner") or {}).get("identifier") or {}).get("value")


def claimed(task: Resource, who: Principal, deciders: Collection[str] = ()) -> Resource:
    """``task`` taken by ``who``. To be written with If-Match. ``deciders``: who decided what is appealed.

    Raises ``Conflict('finished')`` after a decision, ``Conflict('claimed')`` when another has it, ``Forbidden`` when
    ``who`` may not review it. Claiming twice is no error.
    """
    _check_open(task)
    _check_person(task, who.id, deciders)
    who.require(*_REVIEWERS)
    if owner(task) not in (None, who.id):
        raise Conflict("claimed", "another reviewer has claimed this task")
    return _owned(task, who.id)


def assigned(task: Resource, to: str, deciders: Collection[str] = ()) -> Resource:
    """``task`` given to the principal ``to``, whoever has it. Raises as ``claimed`` does, save for the owner."""
    _check_open(task)
    _check_person(task, to, deciders)
    return _owned(task, to)


def decided(
    task: Resource,
    claim: Resource,
    decision: ReviewDecision,
    who: Principal,
    at: datetime,
    deciders: Collection[str] = (),
) -> Resource:
    """``task`` completed with ``decision`` on the items of ``claim``. To be written with If-Match.

    Raises as ``claimed`` does; ``Forbidden('medical-director')`` when an item is denied or authorized for less and
    ``who`` is no medical director (42 CFR 438.210(b)(3)), ``Forbidden('npi')`` when that person has no NPI to be named
    by; ``Malformed`` when the decision does not fit the Claim.
    """
    task = claimed(task, who, deciders)
    items = item_decisions(decision, claim)
    if any(item.adverse for item in items):
        if Role.MEDICAL_DIRECTOR not in who.roles:
            raise Forbidden("medical-director", "only a medical director may deny or authorize less")
        if not who.npi:
            raise Forbidden("npi", "an adverse decision names its reviewer: the principal needs the claim npi")
    notes = [*task.get("note", []), *([{"text": decision.note, "time": fhir.instant(at)}] if decision.note else [])]
    return fhir.strip_empty(
        {
            **task,
            "status": "completed",
            "businessStatus": fhir.concept(REVIEW_STATE, "decided"),
            "lastModified": fhir.instant(at),
            "executionPeriod": {"start": task["authoredOn"], "end": fhir.instant(at)},
            "note": notes,
            "output": _outputs(decision.decision, items, who),
        }
    )


def decision_kind(task: Resource) -> str:
    """``approve``, ``deny``, ``modify`` or ``request-information``."""
    return str(next(iter(_values(task, "decision"))))


def decision_maker(task: Resource) -> str:
    """Id of the principal who decided."""
    return str(next(iter(_values(task, "reviewer"))))


def deciders_of(tasks: Sequence[Resource]) -> tuple[str, ...]:
    """Principals who decided the clinical reviews among ``tasks``, a question to the provider included."""
    reviews = (task for task in tasks if fhir.code(task["code"], TASK_CODE) == TaskCode.CLINICAL_REVIEW)
    return tuple(dict.fromkeys(decision_maker(task) for task in reviews if task["status"] == "completed"))


def is_decision(task: Resource) -> bool:
    """Whether ``task`` is a review that ended with a decision, and not with a question."""
    finished = fhir.code(task["code"], TASK_CODE) == TaskCode.CLINICAL_REVIEW and task["status"] == "completed"
    return finished and decision_kind(task) != "request-information"


def withdrawn(task: Resource) -> Resource:
    """The open ``task``, a review or a question to the provider, of a case that is not decided any more."""
    state = {"businessStatus": fhir.concept(REVIEW_STATE, "withdrawn")} if "businessStatus" in task else {}
    return {**task, "status": "cancelled", **state}


def decided_items(task: Resource) -> tuple[ItemDecision, ...]:
    """The decision on each item."""
    return _facts(task, "item-decision", ItemDecision)


def reviewer_of(task: Resource) -> Reviewer:
    """Who decided, as the PAS response names it."""
    values = dict(_typed(task))
    return Reviewer(human=True, npi=values.get("reviewer-npi"), specialty=values.get("reviewer-specialty"))


def review_notes(task: Resource) -> dict[int, str]:
    """The reviewer's words for the provider, by item that is not simply approved."""
    text = "\n".join(note["text"] for note in task.get("note", []))
    return {item.sequence: text for item in decided_items(task) if text and (item.adverse or item.information)}


def finished_review(task: Resource) -> Resource:
    """``task`` after its decision was recorded in the ClaimResponse."""
    return {**task, "businessStatus": fhir.concept(REVIEW_STATE, RECORDED)}


def _check_open(task: Resource) -> None:
    if task["status"] in FINISHED:
        raise Conflict("finished", "this task is finished; a decision is changed by an appeal only")


def _check_person(task: Resource, who: str, deciders: Collection[str]) -> None:
    if who in excluded(task) or who in deciders:
        raise Forbidden("same-reviewer", "an appeal is decided by another reviewer than the first decision")


def _owned(task: Resource, who: str) -> Resource:
    return {
        **task,
        "status": "in-progress",
        "businessStatus": fhir.concept(REVIEW_STATE, "claimed"),
        "owner": {"identifier": {"system": PRINCIPAL, "value": who}},
    }


def _inputs(opening: OpenReviewInput) -> list[Resource]:
    told = [("finding", each) for each in opening.findings] + [("requirement", each) for each in opening.requirements]
    inputs = [_one(code, "valueString", each.model_dump_json(by_alias=True, exclude_none=True)) for code, each in told]
    return inputs + [_one("excluded-reviewer", "valueString", each) for each in opening.excluded_reviewers]


def _outputs(kind: str, items: tuple[ItemDecision, ...], who: Principal) -> list[Resource]:
    outputs = [_one("decision", "valueCode", kind), _one("reviewer", "valueString", who.id)]
    if who.npi:
        outputs.append(_one("reviewer-npi", "valueIdentifier", {"system": NPI, "value": who.npi}))
    if who.specialty:
        outputs.append(_one("reviewer-specialty", "valueCoding", {"system": NUCC, "code": who.specialty}))
    return outputs + [
        _one("item-decision", "valueString", item.model_dump_json(exclude_defaults=True)) for item in items
    ]


def _one(code: str, kind: str, value: Json) -> Resource:
    return {"type": fhir.concept(TASK_INPUT, code), kind: value}


def _typed(task: Resource) -> list[tuple[str | None, Any]]:
    listed = []
    for one in (*task.get("input", []), *task.get("output", [])):
        value = next((value for key, value in one.items() if key.startswith("value")), None)
        if isinstance(value, dict):
            value = value.get("value") or value.get("code")
        listed.append((fhir.code(one["type"], TASK_INPUT), value))
    return listed


def _values(task: Resource, code: str) -> list[Any]:
    return [value for own, value in _typed(task) if own == code]


def _facts(task: Resource, code: str, model: type[_Facts]) -> tuple[_Facts, ...]:
    return tuple(model.model_validate_json(value) for value in _values(task, code))
