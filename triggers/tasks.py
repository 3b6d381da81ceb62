"""The reviewers' work list: ``/tasks``, claim, assign, decide. The Task is the truth; each change an If-Match."""

from __future__ import annotations

import logging
from typing import Any, Final

import azure.durable_functions as df
import azure.functions as func
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adapters.fhir.unit import UnitOfWork, unit
from domain import fhir, review
from domain.cases import case_task_id, read_case
from domain.codes import TASK_CODE, TaskCode
from domain.errors import Conflict, Malformed, NotFound, Problem, Unavailable
from domain.events.mark import bears, marked
from domain.json import Json, Resource
from domain.load import QUEUES, REVIEW_LOAD
from domain.principal import Role
from domain.review_decision import parse_decision
from triggers.behalf import decider
from triggers.claim_check import PASSING
from triggers.desk import Desk
from triggers.door import Call, answer, door
from triggers.listing import TASK_STATUS, Filters, Listing, listing

LOG: Final = logging.getLogger("workflow.triggers")
REVIEWERS: Final = (Role.REVIEWER, Role.MEDICAL_DIRECTOR)
READERS: Final = (*REVIEWERS, Role.OPERATOR, Role.AUDITOR)
OPEN: Final = "requested,in-progress"
FILTERS: Final[Filters] = {"status": TASK_STATUS, "queue": QUEUES}
SORTS: Final = {"due": "due", "opened": "authored-on", "priority": "priority"}
blueprint = df.Blueprint()


class Assignment(BaseModel):
    """Body of ``POST /tasks/{id}/assign``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: str = Field(min_length=1, max_length=200)
    """Id of the principal who shall review."""


@door(blueprint, "tasks", "GET", roles=READERS)
async def list_tasks(call: Call) -> func.HttpResponse:
    """Reviews by ``status``, ``queue`` and ``sort`` (``due`` first by default), paged by ``count`` and ``page``."""
    asked = listing(call.request.params, scope="tasks staff", filters=FILTERS, sorts=SORTS, sort="due")
    async with review_work(call, audit_reads=True) as work:
        return answer(await asked.page(work, "Task", review_query(asked), shown))


@door(blueprint, "tasks/{id}", "GET", roles=READERS)
async def read_task(call: Call) -> func.HttpResponse:
    """One review, with the criteria that it is about."""
    async with review_work(call, audit_reads=True) as work:
        return answer(shown(await read_review(work, call.part("id"))))


@door(blueprint, "tasks/{id}/claim", "POST", roles=REVIEWERS)
async def claim_task(call: Call) -> func.HttpResponse:
    """The review is taken by whoever calls."""
    return answer(await give(call, call.part("id"), call.who.id, claim=True))


@door(blueprint, "tasks/{id}/assign", "POST", roles=(Role.MEDICAL_DIRECTOR, Role.OPERATOR))
async def assign_task(call: Call) -> func.HttpResponse:
    """The review is given to somebody."""
    try:
        to = Assignment.model_validate_json(call.body).to
    except ValidationError:
        raise Malformed([Problem(path="/to", text='Name who shall review: {"to": "<principal id>"}.')]) from None
    return answer(await give(call, call.part("id"), to, claim=False))


@door(blueprint, "tasks/{id}/decision", "POST", roles=(*REVIEWERS, Role.MIRROR))
async def decide_task(call: Call) -> func.HttpResponse:
    """Approve, deny with a reason, modify or request information. See ``domain.review_decision.ReviewDecision``.

    The role ``mirror`` passes on what a person decided elsewhere, and may do so again: see ``triggers.behalf``.
    """
    desk = decider(call, *REVIEWERS)
    if desk.mark is None:
        return answer(await decide(desk, call.part("id"), call.json))
    return answer(receipt(await decide_once(desk, call.part("id"), call.json)))


def review_query(asked: Listing) -> dict[str, str | list[str]]:
    """The search for the reviews that ``asked`` is about."""
    query: dict[str, str | list[str]] = {"code": review.REVIEW_CODES, "status": asked.filters.get("status", OPEN)}
    if "queue" in asked.filters:
        query["performer"] = ",".join(f"{review.QUEUE}|{queue}" for queue in asked.filters["queue"].split(","))
    return query


async def decide(desk: Desk, task_id: str, body: Json) -> dict[str, Any]:
    """Write the decision to FHIR, then tell the instance. Returns the task as shown.

    Once stored the decision stands: an instance that cannot be told now is told by the sweep.
    """
    decision = parse_decision(body)
    work = review_work(desk)
    task = await read_review(work, task_id)
    claim = await work.read(str(fhir.reference(task["focus"])))
    after = review.decided(task, claim, decision, desk.who, desk.to.now(), await _deciders(work, task))
    if desk.dry:
        return shown(after)
    stored = await _write(work, task, marked(after, desk.mark))
    case = str(task["groupIdentifier"]["value"])
    try:
        await desk.instances.raise_event(case, f"decided:{task_id}", {"task": task_id})
    except (NotFound, Unavailable) as error:
        LOG.warning("case %s: its decision is stored and the sweep tells it (%s)", case, error.code)
    return shown(stored)


async def decide_once(desk: Desk, task_id: str, body: Json) -> dict[str, Any]:
    """As ``decide``; what the same person decided under the same mark stands, and is no conflict.

    Raises ``Unavailable('changed')`` where another wrote at the same moment: the next try tells who was first.
    """
    try:
        return await decide(desk, task_id, body)
    except Conflict as error:
        task = await read_review(review_work(desk), task_id)
        if bears(task, str(desk.mark)) and _decision_of(task) == (desk.who.id, parse_decision(body).decision):
            return shown(task)
        if error.code in PASSING:
            raise Unavailable("changed", "another wrote at the same moment; the next try reads anew") from error
        raise


def _decision_of(task: Resource) -> tuple[str, str]:
    return review.decision_maker(task), review.decision_kind(task)


def receipt(task: dict[str, Any]) -> dict[str, Any]:
    """Of a task as shown, what a system needs that passed a decision on: nothing that the decision rests on."""
    return {member: task[member] for member in ("id", "case", "status", "state", "version")}


def shown(task: Resource) -> dict[str, Any]:
    """A review as the API shows it: codes, references and instants."""
    return {
        "id": task["id"],
        "kind": fhir.code(task["code"], TASK_CODE),
        "case": task["groupIdentifier"]["value"],
        "status": task["status"],
        "state": fhir.code(task.get("businessStatus"), review.REVIEW_STATE),
        "queue": review.queue(task),
        "priority": task.get("priority"),
        "owner": review.owner(task),
        "opened": task.get("authoredOn"),
        "due": ((task.get("restriction") or {}).get("period") or {}).get("end"),
        "claim": fhir.reference(task["focus"]),
        "reasons": review.reasons(task),
        "requirements": [each.model_dump(mode="json", by_alias=True) for each in review.requirements(task)],
        "findings": [each.model_dump(mode="json", by_alias=True) for each in review.findings(task)],
        "version": task["meta"]["versionId"],
    }


async def give(call: Call, task_id: str, who: str, *, claim: bool) -> dict[str, Any]:
    """The review belongs to ``who`` from now on: the caller claims it, or assigns it. Returns the task as shown."""
    work = review_work(call)
    task = await read_review(work, task_id)
    deciders = await _deciders(work, task)
    after = review.claimed(task, call.who, deciders) if claim else review.assigned(task, who, deciders)
    stored = await _write(work, task, after)
    await call.instances.signal(REVIEW_LOAD, review.queue(task), "assigned", {"task": task["id"], "reviewer": who})
    return shown(stored)


async def read_review(work: UnitOfWork, task_id: str) -> Resource:
    """The Task of a review, which says what case ``work`` is about. Raises ``NotFound`` for another kind of Task."""
    (task,) = await work.read_many([f"Task/{task_id}"])
    kind = fhir.code((task or {}).get("code"), TASK_CODE)
    if task is None or kind not in (TaskCode.CLINICAL_REVIEW, TaskCode.APPEAL_REVIEW):
        raise NotFound("task", "there is no review of this id")
    work.about(str(task["groupIdentifier"]["value"]))
    return task


async def _deciders(work: UnitOfWork, task: Resource) -> tuple[str, ...]:
    """Who decided what the review ``task`` is the appeal of, as it stands now; nobody for a first review."""
    if fhir.code(task["code"], TASK_CODE) != TaskCode.APPEAL_REVIEW:
        return ()
    appeal = read_case(await work.read(str(fhir.reference(task["partOf"][0]))))
    original = f"Task/{case_task_id(str(appeal.appeals))}"
    return review.deciders_of(await work.search("Task", {"part-of": original}))


async def _write(work: UnitOfWork, before: Resource, after: Resource) -> Resource:
    work.update(after, if_match=before["meta"]["versionId"])
    try:
        (stored,) = await work.commit()
    except Conflict as error:
        raise Conflict("changed", "the task was changed meanwhile; read it again") from error
    return stored


def review_work(desk: Desk, *, audit_reads: bool = False) -> UnitOfWork:
    """What a principal reads and writes of reviews."""
    role = Role.MEDICAL_DIRECTOR if Role.MEDICAL_DIRECTOR in desk.who.roles else next(iter(sorted(desk.who.roles)))
    return unit(
        desk.to.fhir,
        case="reviews",
        step="review",
        recorded=desk.to.now(),
        actor=desk.who.id,
        role=role,
        accessed=desk.accessed,
        audit_reads=audit_reads,
        passed_on_by=desk.passed_on_by,
    )
