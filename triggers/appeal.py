"""``POST /fhir/ClaimResponse/{id}/$appeal``: an adverse answer is looked at again, by somebody else."""

from __future__ import annotations

from typing import Final

import azure.durable_functions as df
import azure.functions as func

from adapters.fhir.unit import unit
from domain.case import instance_id
from domain.cases import CaseRecord, CaseState, case_task, read_case
from domain.codes import TASK_CODE, TaskCode
from domain.errors import Conflict, NotFound
from domain.principal import Role
from domain.review import decision_maker
from triggers.answers import answer_bundle
from triggers.door import WITH_KEY, Call, Dialect, door, fhir
from triggers.submit import submitter

WORKFLOW: Final = "appeal"
APPEALABLE: Final = frozenset(
    {CaseState.DENIED, CaseState.PARTLY_APPROVED, CaseState.MODIFIED, CaseState.DEEMED, CaseState.INELIGIBLE}
)
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
    """Open an appeal instance of its own: one appeal a case, and its decision is the last one here."""
    original = await _case(call)
    if original.state not in APPEALABLE:
        raise Conflict("not-appealable", "only an adverse or overdue answer can be appealed")
    case = instance_id(WORKFLOW, original.id)
    record = original.model_copy(
        update={
            "id": case,
            "state": CaseState.RECEIVED,
            "received_at": call.to.now(),
            "due": None,
            "appeals": original.id,
            "excluded_reviewers": await _deciders(call, original),
        }
    )
    await _open(call, record)
    await call.instances.start(WORKFLOW, case, record.reference)
    return fhir(await answer_bundle(call, record), status=202)


async def _case(call: Call) -> CaseRecord:
    """The case whose answer has the id; another organization's is not found."""
    organization = submitter(call)
    response = await call.to.fhir.read(f"ClaimResponse/{call.part('id')}")
    claim = response["request"]["reference"]
    query = {"focus": claim, "code": f"{TASK_CODE}|{TaskCode.PRIOR_AUTHORIZATION}"}
    page = await call.to.fhir.search("Task", query)
    records = [read_case(task) for task in page.matches]
    own = [record for record in records if record.submitter == organization]
    if not own:
        raise NotFound("resource", "no answer to your organization has this id")
    return own[0]


async def _deciders(call: Call, original: CaseRecord) -> tuple[str, ...]:
    """Principals who decided the case: none of them may review the appeal."""
    code = f"{TASK_CODE}|{TaskCode.CLINICAL_REVIEW}"
    page = await call.to.fhir.search("Task", {"part-of": original.reference, "code": code, "status": "completed"})
    return tuple(dict.fromkeys(decision_maker(task) for task in page.matches))


async def _open(call: Call, record: CaseRecord) -> None:
    work = unit(
        call.to.fhir, case=record.id, step="appeal", recorded=record.received_at, actor=call.who.id,
        role=Role.SUBMITTER, n=0,
    )  # fmt: skip
    work.create(case_task(record))
    try:
        await work.commit()
    except Conflict:
        if read_case(await call.to.fhir.read(record.reference)).decided:
            text = "the appeal of this answer is decided; what the plan's notice names comes next"
            raise Conflict("appealed", text) from None
