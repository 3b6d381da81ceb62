"""``POST /fhir/ClaimResponse/{id}/$appeal``: an adverse answer is looked at again, by somebody else."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import azure.durable_functions as df
import azure.functions as func

from adapters.fhir.unit import unit
from domain.case import instance_id
from domain.cases import APPEALABLE, CaseRecord, CaseState, case_task, case_task_id, changed_case, read_case
from domain.codes import TASK_CODE, TaskCode
from domain.errors import Conflict, NotFound
from domain.json import Resource
from domain.principal import Role
from domain.review import FINISHED, deciders_of, is_decision, withdrawn
from triggers.answers import answer_bundle
from triggers.door import WITH_KEY, Call, Dialect, door, fhir

WORKFLOW: Final = "appeal"
blueprint = df.Blueprint()


@door(
    blueprint,
    "fhir/ClaimResponse/{id}/$appeal",
    "POST",
    roles=(Role.SUBMITTER,),
    dialect=Dialect.FHIR,
    auth=WITH_KEY,
)
async def file_appeal(call: Call) -> func.HttpResponse:
    """Open an appeal instance of its own: one appeal a case, and its decision is the last one here.

    A case whose deadline passed without a decision is taken over: its open human task is withdrawn, its instance ends.
    """
    task = await _case(call)
    original, case = read_case(task), instance_id(WORKFLOW, read_case(task).id)
    (filed,) = await call.to.fhir.read_many([f"Task/{case_task_id(case)}"])
    record = _undecided(filed) if filed else await _file(call, task, case)
    await call.instances.start(WORKFLOW, case, record.reference)
    if not original.decided:
        await call.instances.withdraw(original.id)
    return fhir(await answer_bundle(call, record), status=202)


async def _case(call: Call) -> Resource:
    """The record of the case whose answer has the id; another organization's is not found."""
    organization = call.organization
    response = await call.to.fhir.read(f"ClaimResponse/{call.part('id')}")
    claim = response["request"]["reference"]
    query = {"focus": claim, "code": f"{TASK_CODE}|{TaskCode.PRIOR_AUTHORIZATION}"}
    page = await call.to.fhir.search("Task", query)
    own = [task for task in page.matches if read_case(task).submitter == organization]
    if not own:
        raise NotFound("resource", "no answer to your organization has this id")
    return own[0]


async def _file(call: Call, task: Resource, case: str) -> CaseRecord:
    """The record of the appeal, written in one transaction with what it withdraws of the case of ``task``."""
    original, now = read_case(task), call.to.now()
    _check(original, now)
    parts = (await call.to.fhir.search("Task", {"part-of": original.reference})).matches
    record = _appeal(original, case, now, deciders_of(parts))
    work = unit(call.to.fhir, case=case, step="appeal", recorded=now, actor=call.who.id, role=Role.SUBMITTER, n=0)
    work.create(case_task(record))
    if not original.decided:
        if any(is_decision(each) for each in parts):
            raise Conflict("deciding", "a decision was made a moment ago; read the answer, then appeal that")
        work.update(changed_case(task, superseded_by=case), if_match=original.version)
        for each in (part for part in parts if part["status"] not in FINISHED):
            work.update(withdrawn(each), if_match=each["meta"]["versionId"])
    try:
        await work.commit()
    except Conflict:
        (filed,) = await call.to.fhir.read_many([record.reference])
        if filed is None:
            raise Conflict("changed", "the request was changed meanwhile; read its answer and file again") from None
        return _undecided(filed)
    return record


def _check(original: CaseRecord, now: datetime) -> None:
    if original.state not in APPEALABLE:
        raise Conflict("not-appealable", "only an adverse answer, or a deadline that counts as one, can be appealed")
    if original.appeal_until and now > original.appeal_until:
        raise Conflict("appeal-late", "the time to appeal this answer is over; the case tells until when it could be")


def _appeal(original: CaseRecord, case: str, now: datetime, deciders: tuple[str, ...]) -> CaseRecord:
    return original.model_copy(
        update={
            "id": case,
            "state": CaseState.RECEIVED,
            "received_at": now,
            "due": None,
            "clock_row": None,
            "appeal_until": None,
            "appeals": original.id,
            "excluded_reviewers": deciders,
        }
    )


def _undecided(filed: Resource) -> CaseRecord:
    """The appeal that was filed before. Raises ``Conflict('appealed')`` when it is decided."""
    record = read_case(filed)
    if record.decided:
        text = "the appeal of this answer is decided; what the plan's notice names comes next"
        raise Conflict("appealed", text)
    return record
