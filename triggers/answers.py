"""The answer to a submitter: the current version of its ClaimResponse in a PAS response Bundle."""

from __future__ import annotations

from adapters.fhir.unit import unit
from domain import fhir
from domain.case import resource_id
from domain.cases import CaseRecord
from domain.json import Resource
from domain.pas.request import PasRequest
from domain.pas.response import ResponseError, claim_response
from domain.pas.response_bundle import response_bundle
from domain.principal import Role
from triggers.door import Call


async def answer_bundle(call: Call, record: CaseRecord, *, audit: bool = True) -> Resource:
    """The PAS response Bundle of a case as it stands now.

    The read is audited, unless it is the answer to the request that opened the case: what that wrote is audited, and
    nothing else is read.
    """
    work = unit(
        call.to.fhir, case=record.id, step="answer", recorded=call.to.now(), actor=call.who.id, role=Role.SUBMITTER,
        audit_reads=audit,
    )  # fmt: skip
    async with work:
        response, submitted = await work.read_many([record.response, record.bundle])
        requests = [r for each in (response or {}).get("communicationRequest", []) if (r := fhir.reference(each))]
        others = [each for each in await work.read_many(requests) if each] if requests else []
    base = call.to.settings.fhir_base
    return response_bundle(record.subject, response or {}, submitted or {}, base, call.to.now(), others)


def refusal(call: Call, request: PasRequest, error: ResponseError) -> Resource:
    """The answer to a request that business refuses without opening a case."""
    now = call.to.now()
    case = request.key(call.who.organization or "").instance_id("refused")
    claim = {**request.claim, "id": resource_id(case, "claim")}
    response = claim_response(case, claim, created=now, errors=[error])
    return response_bundle(case, response, request.submission.bundle, call.to.settings.fhir_base, now)
