"""``POST /fhir/Claim/$inquire``: what a submitter asks about, answered with the current versions.

http://hl7.org/fhir/us/davinci-pas/OperationDefinition/Claim-inquiry (2.2.1)
"""

from __future__ import annotations

import azure.durable_functions as df
import azure.functions as func

from adapters.fhir.members import matched_patient
from adapters.fhir.unit import UnitOfWork, unit
from domain import fhir as elements
from domain.cases import CaseRecord, read_case
from domain.codes import TASK_CODE, TRACKING_NUMBER, TaskCode
from domain.pas.inquiry import Inquiry, answer, inquiry_response, matches, parse_inquiry
from domain.pas.response_bundle import response_bundle
from domain.principal import Role
from triggers.body import limits
from triggers.door import WITH_KEY, Call, Dialect, door, fhir

blueprint = df.Blueprint()


@door(blueprint, "fhir/Claim/$inquire", "POST", roles=(Role.SUBMITTER,), dialect=Dialect.FHIR, auth=WITH_KEY)
async def inquire(call: Call) -> func.HttpResponse:
    """Query by example over the cases of the principal's own organization."""
    inquiry = parse_inquiry(call.body, limits(call.to.settings))
    organization = call.organization
    work = unit(
        call.to.fhir,
        case="inquiry",
        step="inquire",
        recorded=call.to.now(),
        actor=call.who.id,
        role=Role.SUBMITTER,
        audit_reads=True,
    )
    async with work:
        records = [r for r in await _candidates(work, inquiry) if r.submitter == organization]
        found = [bundle for record in records if (bundle := await _answered(call, work, inquiry, record))]
    return fhir(answer(found))


async def _candidates(work: UnitOfWork, inquiry: Inquiry) -> list[CaseRecord]:
    """Cases of the member, and cases of a quoted tracking number."""
    code = f"{TASK_CODE}|{TaskCode.PRIOR_AUTHORIZATION}"
    patient = await matched_patient(work, inquiry.member_id)
    queries = [{"patient": patient, "code": code}] if patient else []
    queries += [
        {"identifier": elements.token(TRACKING_NUMBER, number), "code": code} for number in sorted(inquiry.numbers)
    ]
    tasks = {task["id"]: task for query in queries for task in await work.search("Task", query)}
    return [read_case(task) for task in tasks.values()]


async def _answered(call: Call, work: UnitOfWork, inquiry: Inquiry, record: CaseRecord) -> dict[str, object] | None:
    response, submitted, claim = await work.read_many([record.response, record.bundle, record.claim])
    if not (response and submitted and claim and matches(inquiry, submitted, response)):
        return None
    told = inquiry_response(response, claim)
    base = call.to.settings.fhir_base
    return response_bundle(record.subject, told, submitted, base, call.to.now(), inquiry=inquiry.identifier)
