"""What a request writes on arrival: the Bundle as it came, its resources with our ids, the pended answer and the case.

Every id is ours, so a submitter can overwrite nothing, and what becomes a resource can pass for nothing of the payer's
(``domain.pas.adopt``). The payer's own Patient and Coverage take the place of the submitted ones when the member is
matched (those stay inside the stored Bundle only).
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from domain import fhir
from domain.case import resource_id, tracking_number
from domain.cases import CaseRecord, CaseState, case_task
from domain.fhir_write import Write
from domain.json import Resource
from domain.pas.adopt import EVIDENCE, STORED, adopt, logical
from domain.pas.bundle import stored_name
from domain.pas.member import PayerMatch
from domain.pas.request import PasRequest, focal_insurance
from domain.pas.response import claim_response, pended


class Submitter(BaseModel):
    """Who submits, as the principal says."""

    model_config = ConfigDict(frozen=True)

    organization: str
    reference: str | None = None
    """``Organization/<id>`` on the FHIR server, when it is known to exist."""


def intake(
    request: PasRequest,
    case: str,
    received_at: datetime,
    payer: PayerMatch,
    submitter: Submitter,
    zone: str | None = None,
) -> tuple[CaseRecord, list[Write]]:
    """The case record and every resource to create in one transaction; the record's Task is the last.

    ``received_at`` is UTC and starts the clock; ``zone`` is the plan's IANA time zone.
    """
    adopted = _adopted(request, case, payer)
    claim = next(resource for resource in adopted if resource["resourceType"] == "Claim")
    response = claim_response(case, claim, pended(claim, tracking_number(case)), created=received_at)
    bundle = {**request.submission.bundle, "id": resource_id(case, "bundle")}
    record = CaseRecord(
        id=case,
        state=CaseState.RECEIVED,
        submitter=submitter.organization,
        submitter_reference=submitter.reference,
        received_at=received_at,
        content_hash=request.content_hash,
        urgency=request.urgency,
        line_of_business=payer.line_of_business,
        zone=zone,
        claim=fhir.name(claim),
        response=fhir.name(response),
        bundle=fhir.name(bundle),
        patient=payer.patient,
        coverage=payer.coverage,
        member_matches=payer.matches,
        birth_date_agrees=payer.birth_date_agrees,
        evidence=tuple(fhir.name(each) for each in adopted if each["resourceType"] in EVIDENCE),
    )
    return record, [Write(each) for each in (bundle, *adopted, response, case_task(record))]


def linked(request: PasRequest, payer: PayerMatch) -> dict[int, str]:
    """Entries that the payer's own records stand for: index of the entry -> ``Type/id``."""
    own = {
        fhir.reference(request.claim["patient"]): payer.patient,
        fhir.reference(focal_insurance(request.claim)["coverage"]): payer.coverage,
        fhir.reference(request.claim["insurer"]): payer.insurer,
    }
    found = {request.submission.position(reference): name for reference, name in own.items() if name}
    return {position: name for position, name in found.items() if position is not None}


def _adopted(request: PasRequest, case: str, payer: PayerMatch) -> list[Resource]:
    """The submitted resources that become ours, with our ids and references."""
    own = linked(request, payer)
    submitted = {i: resource for i, (_, resource) in enumerate(request.submission.resources())}
    taken = {i: each for i, each in submitted.items() if i not in own and each["resourceType"] in STORED}
    names = {**{i: stored_name(case, i, each) for i, each in taken.items()}, **own}

    def rename(reference: str) -> Resource:
        position = request.submission.position(reference)
        return {"reference": names[position]} if position in names else logical(reference)

    return [adopt(each, names[i].split("/")[1], rename) for i, each in taken.items()]
