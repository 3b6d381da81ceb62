"""ClaimResponse for every state of a request.

http://hl7.org/fhir/us/davinci-pas/StructureDefinition/profile-claimresponse (2.2.1)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from domain import fhir
from domain.case import resource_id
from domain.codes import (
    INFORMATION_REQUEST,
    NPI,
    NUCC,
    PAS,
    X12_FOLLOW_UP,
    X12_REJECT,
    Action,
)
from domain.decision import SENTENCES, X12_REASONS, ItemDecision
from domain.json import Resource
from domain.pas.response_item import ItemAnswer, add_item, extension, response_item


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Extension claimResponseReviewer."""

    human: bool
    npi: str | None = None
    specialty: str | None = None
    """NUCC provider taxonomy code."""


@dataclass(frozen=True, slots=True)
class ResponseError:
    """One ClaimResponse.error."""

    code: str
    """X12 901."""
    path: str | None = None
    """FHIRPath from the Bundle."""
    element: str | None = None
    """X12 element, for example ``2010C-NM109``."""
    follow_up: str | None = None
    """X12 889."""


def pended(claim: Resource, number: str) -> tuple[ItemAnswer, ...]:
    """Every item pended (A4) under the tracking number."""
    return tuple(
        ItemAnswer(sequence=item["sequence"], action=Action.PENDED, reference_number=number)
        for item in claim.get("item") or []
    )


def answers(
    decisions: Sequence[ItemDecision],
    *,
    tracking: str,
    authorization: str,
    on: date,
    notes: Mapping[int, str] | None = None,
) -> tuple[ItemAnswer, ...]:
    """Decisions as answers. ``on`` is the date of decision in the plan's time zone; ``notes`` are the reviewer's own
    words by item (they come from FHIR and go to FHIR, never through history)."""
    return tuple(_answer(each, tracking, authorization, on, (notes or {}).get(each.sequence)) for each in decisions)


def authorization_number(case: str) -> str:
    """The number of what is authorized in ``case``: derived, so a retry gives the same."""
    return "AUTH" + resource_id(case, "authorization").replace("-", "")[:12].upper()


def claim_response(
    case: str,
    claim: Resource,
    items: Sequence[ItemAnswer] = (),
    *,
    created: datetime,
    errors: Sequence[ResponseError] = (),
    reviewer: Reviewer | None = None,
    requests: Sequence[Resource] = (),
    providers: Mapping[int, str] | None = None,
) -> Resource:
    """The ClaimResponse of ``case`` to the stored ``claim``.

    ``created``: aware UTC instant of this version. ``errors``: the outcome is ``error`` and items are left out.
    ``requests``: CommunicationRequests for missing information. ``providers``: see :func:`authorized_providers`.
    """
    notes = [answer for answer in items if answer.note]
    numbers = {answer.sequence: number for number, answer in enumerate(notes, 1)}
    return fhir.strip_empty(
        {
            "resourceType": "ClaimResponse",
            "id": resource_id(case, "claim-response"),
            "meta": {"profile": [PAS + "profile-claimresponse"]},
            "extension": [_reviewer(reviewer)] if reviewer else None,
            "identifier": claim.get("identifier"),
            "status": "active",
            "type": claim["type"],
            "use": "preauthorization",
            "patient": claim["patient"],
            "created": fhir.instant(created),
            "insurer": claim["insurer"],
            "requestor": claim["provider"],
            "request": fhir.refer(claim),
            "outcome": "error" if errors else "complete",
            "preAuthRef": next((a.authorization_number for a in items if a.authorization_number), None),
            "item": []
            if errors
            else [response_item(claim, a, numbers.get(a.sequence), (providers or {}).get(a.sequence)) for a in items],
            "addItem": [add_item(claim, a) for a in items if a.action == Action.MODIFIED],
            "processNote": [{"number": numbers[a.sequence], "type": "display", "text": a.note} for a in notes],
            "communicationRequest": [fhir.refer(request) for request in requests],
            "error": [_error(error) for error in errors],
        }
    )


def authorized_providers(claim: Resource, resolve: fhir.Resolve) -> dict[int, str]:
    """Who may perform each item: the Practitioner or Organization of its first careTeam member, by item sequence.

    ``resolve`` finds the PractitionerRole of a member.
    """
    team = {member["sequence"]: fhir.reference(member["provider"]) for member in claim.get("careTeam") or []}
    found = {}
    for item in claim.get("item") or []:
        member = next((team[s] for s in item.get("careTeamSequence") or [] if team.get(s)), None)
        if member and member.startswith("PractitionerRole/"):
            member = fhir.reference((resolve(member) or {}).get("practitioner"))
        if member:
            found[item["sequence"]] = member
    return found


def communication_request(case: str, round_: int, sequence: int, loinc: str, claim: Resource) -> Resource:
    """What is asked for one item: a LOINC code of a document or result.

    http://hl7.org/fhir/us/davinci-pas/StructureDefinition/profile-communicationrequest; ``round_`` counts requests.
    """
    id_ = resource_id(case, f"communication-request:{round_}:{sequence}:{loinc}")
    return {
        "resourceType": "CommunicationRequest",
        "id": id_,
        "meta": {"profile": [PAS + "profile-communicationrequest"]},
        "extension": [{"url": PAS + "extension-serviceLineNumber", "valuePositiveInt": sequence}],
        "identifier": [{"system": INFORMATION_REQUEST, "value": id_}],
        "status": "active",
        "about": [fhir.refer(claim)],
        "subject": claim["patient"],
        "payload": [{"contentString": loinc}],
        "requester": claim["insurer"],
        "sender": claim["provider"],
    }


def _answer(decision: ItemDecision, tracking: str, authorization: str, on: date, note: str | None) -> ItemAnswer:
    answer = ItemAnswer(
        sequence=decision.sequence,
        action=decision.action,
        reason=X12_REASONS[decision.reason] if decision.reason else None,
        note=note or (SENTENCES[decision.reason] if decision.reason else None),
    )
    if decision.action in (Action.CERTIFIED, Action.MODIFIED):
        return replace(
            answer,
            authorization_number=authorization,
            issued=on,
            start=decision.start,
            end=decision.end,
            quantity=decision.quantity,
        )
    if decision.action == Action.PENDED:
        return replace(answer, reference_number=tracking)
    return answer


def _reviewer(reviewer: Reviewer) -> Resource:
    parts: list[dict[str, Any]] = [{"url": "wasHumanReviewedFlag", "valueBoolean": reviewer.human}]
    if reviewer.npi:
        parts.append({"url": "reviewerNPI", "valueIdentifier": {"system": NPI, "value": reviewer.npi}})
    if reviewer.specialty:
        parts.append({"url": "reviewerSpecialty", "valueCodeableConcept": fhir.concept(NUCC, reviewer.specialty)})
    return {"url": PAS + "extension-claimResponseReviewer", "extension": parts}


def _error(error: ResponseError) -> Resource:
    element = {"url": PAS + "extension-errorElement", "extension": [{"url": "error", "valueString": error.element}]}
    follow_up = error.follow_up and fhir.concept(X12_FOLLOW_UP, error.follow_up)
    found = [
        element if error.element else None,
        extension("errorPath", "String", error.path),
        extension("errorFollowupAction", "CodeableConcept", follow_up),
    ]
    extensions = [each for each in found if each]
    return fhir.strip_empty({"extension": extensions, "code": fhir.concept(X12_REJECT, error.code)})
