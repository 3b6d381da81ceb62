"""``POST /fhir/Claim/$submit``: a PAS request comes in, its current answer goes out.

http://hl7.org/fhir/us/davinci-pas/OperationDefinition/Claim-submit (2.2.1)
"""

from __future__ import annotations

from dataclasses import dataclass
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
from domain.errors import Conflict, Unavailable
from domain.pas.intake import Submitter, intake
from domain.pas.request import PasRequest, parse
from domain.pas.response import ResponseError
from domain.principal import Role
from triggers.answers import answer_bundle, refusal
from triggers.body import limits
from triggers.desk import Desk
from triggers.door import WITH_KEY, Call, Dialect, door, fhir

TRACER: Final = trace.get_tracer("workflow.triggers")
WORKFLOW: Final = "prior-authorization"
UPDATES_UNSUPPORTED: Final = "33"
"""X12 901 code of an update: it is refused until updates are taken."""
blueprint = df.Blueprint()


@dataclass(frozen=True, slots=True)
class Taken:
    """A request that is taken in."""

    record: CaseRecord
    created: bool
    """Whether it opened the case; else an equal one did before."""
    started: bool
    """Whether it started the instance."""


@door(blueprint, "fhir/Claim/$submit", "POST", roles=(Role.SUBMITTER,), dialect=Dialect.FHIR, auth=WITH_KEY)
async def submit(call: Call) -> func.HttpResponse:
    """Take the request in, wait shortly for a decision, answer with what is known by then."""
    values = call.to.settings
    with TRACER.start_as_current_span("validate", record_exception=False):
        request = parse(call.body, limits(values))
    case = request.key(call.organization).instance_id(WORKFLOW)
    if request.is_update:
        error = ResponseError(code=UPDATES_UNSUPPORTED, follow_up=FollowUp.DO_NOT_RESUBMIT)
        return fhir(refusal(call, request, error))
    taken = await take_in(call, request, call.to.now())
    await call.instances.until_answerable(case, values.answer_seconds)
    return fhir(await answer_bundle(call, taken.record, audit=not taken.created), headers={"X-Case-Id": case})


async def take_in(desk: Desk, request: PasRequest, received_at: datetime) -> Taken:
    """Write the request to FHIR, then start its instance; or find that either is there. Keyed by the business key.

    ``received_at`` (UTC) starts the clock. Raises ``Conflict('duplicate')`` where a request of the same identifiers
    says something else.
    """
    case = request.key(desk.organization).instance_id(WORKFLOW)
    found = await _existing(desk, request, case) if desk.dry else None
    record, created = (found, False) if found else await _stored(desk, request, case, received_at)
    return Taken(record, created, await _start(desk, record))


async def _stored(desk: Desk, request: PasRequest, case: str, received_at: datetime) -> tuple[CaseRecord, bool]:
    """Create everything, or find that it exists; says which. A transaction decides which of two equal requests wins."""
    work = unit(
        desk.to.fhir, case=case, step="submit", recorded=desk.to.now(), actor=desk.who.id, role=Role.SUBMITTER, n=0,
        accessed=desk.accessed,
    )  # fmt: skip
    try:
        return await _create(desk, request, case, work, received_at), True
    except Conflict:
        existing = await _existing(desk, request, case)
        if existing is None:
            raise Unavailable("fhir", "the FHIR server was busy with an equal request that it then dropped") from None
        return existing, False


async def _existing(desk: Desk, request: PasRequest, case: str) -> CaseRecord | None:
    """The record of an equal request. Raises ``Conflict('duplicate')`` for one that is not equal."""
    (task,) = await desk.to.fhir.read_many([f"Task/{case_task_id(case)}"])
    record = read_case(task) if task else None
    if record and record.content_hash != request.content_hash:
        text = "a request of these identifiers was submitted with other content; give a new one new identifiers"
        raise Conflict("duplicate", text)
    return record


async def _create(desk: Desk, request: PasRequest, case: str, work: UnitOfWork, received_at: datetime) -> CaseRecord:
    values, organization = desk.to.settings, desk.organization
    on = request.service_start or received_at.astimezone(ZoneInfo(values.plan_zone)).date()
    insurer = f"Organization/{values.payer_organization}"
    payer = await match_member(work, request, on, insurer)
    sender = Submitter(organization=organization, reference=f"Organization/{organization}")
    record, writes = intake(request, case, received_at, payer, sender, values.plan_zone)
    for write in writes:
        work.put(write)
    if not desk.dry:
        await work.commit()
    return record


async def _start(desk: Desk, record: CaseRecord) -> bool:
    """Start the instance unless there is one, or was: an instance whose history is purged left a decided record."""
    if record.decided or record.ended:
        return False
    if desk.dry:
        return await desk.instances.find(record.id) is None
    return await desk.instances.start(WORKFLOW, record.id, record.reference)
