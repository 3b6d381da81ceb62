"""``POST /fhir/Claim/$submit``: a PAS request comes in, its current answer goes out.

http://hl7.org/fhir/us/davinci-pas/OperationDefinition/Claim-submit (2.2.1)
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import azure.durable_functions as df
import azure.functions as func
from opentelemetry import trace

from adapters.fhir.members import match_member
from adapters.fhir.unit import UnitOfWork, unit
from domain.cases import CaseRecord, case_task_id, read_case
from domain.codes import FollowUp
from domain.errors import Conflict, Forbidden
from domain.pas.bundle import Limits
from domain.pas.intake import Submitter, intake
from domain.pas.request import PasRequest, parse
from domain.pas.response import ResponseError
from domain.principal import Role
from triggers.answers import answer_bundle, refusal
from triggers.door import WITH_KEY, Call, Dialect, door, fhir

TRACER: Final = trace.get_tracer("workflow.triggers")
WORKFLOW: Final = "prior-authorization"
UPDATES_UNSUPPORTED: Final = "33"
"""X12 901 code of an update: it is refused until updates are taken."""
blueprint = df.Blueprint()


@door(blueprint, "fhir/Claim/$submit", "POST", roles=(Role.SUBMITTER,), dialect=Dialect.FHIR, auth=WITH_KEY)
async def submit(call: Call) -> func.HttpResponse:
    """Write to FHIR, start the instance, wait shortly for a decision, answer with what is known by then."""
    values = call.to.settings
    limits = Limits(body=values.max_body_bytes, depth=values.max_depth, entries=values.max_entries)
    with TRACER.start_as_current_span("validate", record_exception=False):
        request = parse(call.body, limits)
    organization = submitter(call)
    if request.is_update:
        error = ResponseError(code=UPDATES_UNSUPPORTED, follow_up=FollowUp.DO_NOT_RESUBMIT)
        return fhir(refusal(call, request, error))
    case = request.key(organization).instance_id(WORKFLOW)
    record, created = await _take_in(call, request, case, organization)
    await call.instances.start(WORKFLOW, case, record.reference)
    await call.instances.until_answerable(case, values.answer_seconds)
    return fhir(await answer_bundle(call, record, audit=not created), headers={"X-Case-Id": case})


def submitter(call: Call) -> str:
    """The organization that the principal acts for. Raises ``Forbidden('organization')`` without one."""
    if not call.who.organization:
        raise Forbidden("organization", "the principal must belong to an organization")
    return call.who.organization


async def _take_in(call: Call, request: PasRequest, case: str, organization: str) -> tuple[CaseRecord, bool]:
    """Create everything, or find that it exists; says which. A transaction decides which of two equal submits wins."""
    received_at = call.to.now()
    work = unit(
        call.to.fhir, case=case, step="submit", recorded=received_at, actor=call.who.id, role=Role.SUBMITTER, n=0
    )
    try:
        return await _create(call, request, case, organization, work, received_at), True
    except Conflict:
        existing = read_case(await call.to.fhir.read(f"Task/{case_task_id(case)}"))
        if existing.content_hash != request.content_hash:
            text = "a request of these identifiers was submitted with other content; give a new one new identifiers"
            raise Conflict("duplicate", text) from None
        return existing, False


async def _create(
    call: Call, request: PasRequest, case: str, organization: str, work: UnitOfWork, received_at: datetime
) -> CaseRecord:
    values = call.to.settings
    on = request.service_start or received_at.astimezone(ZoneInfo(values.plan_zone)).date()
    insurer = f"Organization/{values.payer_organization}"
    payer = await match_member(work, request, on, insurer)
    sender = Submitter(organization=organization, reference=f"Organization/{organization}")
    record, writes = intake(request, case, received_at, payer, sender, values.plan_zone)
    for write in writes:
        work.put(write)
    await work.commit()
    return record
