"""``Claim/$inquire``: a query by example, and its answer.

http://hl7.org/fhir/us/davinci-pas/OperationDefinition/Claim-inquiry (2.2.1). The IG's example names the part of the
answer ``responseBundle``; the OperationDefinition says ``return``, which is used here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from domain import fhir
from domain.case import Identifier
from domain.codes import NPI, PAS, X12_ACTION
from domain.errors import Problem
from domain.fhir import Resolve
from domain.json import Json, Resource
from domain.pas import claim as claims
from domain.pas.bundle import Limits, entry_index, parse_bundle
from domain.pas.problems import party_problems
from domain.pas.request import focal_insurance, member_id

_END = PAS + "extension-productOrServiceCodeEnd"


@dataclass(frozen=True)
class Inquiry:
    """What is asked for. ``None`` and empty: not asked."""

    identifier: Identifier
    """Bundle.identifier, echoed in the answer."""
    member_id: str | None
    birth_date: date | None
    provider_npi: str | None
    numbers: frozenset[str]
    """Tracking and authorization numbers, of the Claim and of its items."""
    items: tuple[Resource, ...]


def parse_inquiry(body: bytes, limits: Limits | None = None) -> Inquiry:
    """Read an inquiry. Raises ``TooLarge`` and ``Malformed`` as a request does; patient, provider and insurer must be
    named, items need not."""
    submission = parse_bundle(body, limits or Limits(), _problems)
    claim = submission.claim
    patient = submission.resolve(fhir.reference(claim["patient"])) or {}
    coverage = submission.resolve(fhir.reference(focal_insurance(claim).get("coverage")))
    provider = submission.resolve(fhir.reference(claim["provider"])) or {}
    return Inquiry(
        identifier=submission.identifier,
        member_id=member_id(coverage, patient),
        birth_date=fhir.full_date(patient.get("birthDate")),
        provider_npi=fhir.identifier(provider, NPI),
        numbers=_numbers(claim),
        items=tuple(claim.get("item") or ()),
    )


def matches(inquiry: Inquiry, submitted: Resource, response: Resource) -> bool:
    """Whether a case answers the inquiry: its stored Bundle and its current ClaimResponse.

    Member and organization were matched before. A number that is given must be one of the case's. The provider's NPI,
    when both are known, must be the same. When items are given, one of them must describe an item of the case.
    """
    claim = submitted["entry"][0]["resource"]
    index, _ = entry_index(submitted["entry"])
    position = index.get(fhir.reference(claim["provider"]) or "")
    provider = submitted["entry"][position]["resource"] if position is not None else {}
    npi = fhir.identifier(provider, NPI)
    if inquiry.provider_npi and npi and inquiry.provider_npi != npi:
        return False
    if inquiry.numbers and not inquiry.numbers & _numbers(response):
        return False
    described = [(item, _answered(response, item["sequence"])) for item in claim.get("item") or []]
    return not inquiry.items or any(_describes(q, *each) for q in inquiry.items for each in described)


def answer(bundles: Sequence[Resource]) -> Resource:
    """Parameters with one part ``return`` a Bundle; no case, no part."""
    parameters: Resource = {"resourceType": "Parameters"}
    if bundles:
        parameters["parameter"] = [{"name": "return", "resource": bundle} for bundle in bundles]
    return parameters


def inquiry_response(response: Resource, claim: Resource) -> Resource:
    """The current ClaimResponse as profile-claiminquiryresponse, which also tells the insurance."""
    told = {**response, "meta": {"profile": [PAS + "profile-claiminquiryresponse"]}, "insurance": claim["insurance"]}
    told.pop("communicationRequest", None)
    return told


def _problems(claim: Resource, resolve: Resolve) -> Iterator[Problem]:
    yield from party_problems(claim, resolve)
    if not isinstance(claim.get("insurance"), list) or not claim["insurance"]:
        path = "Bundle.entry[0].resource.insurance"
        yield Problem(path=path, text="Name the Coverage that is asked.", code="required")


def _numbers(resource: Resource) -> frozenset[str]:
    """Every authorization and administration reference number in a Claim or ClaimResponse."""
    found: set[str] = {resource["preAuthRef"]} if resource.get("preAuthRef") else set()
    for _, element in fhir.walk(resource, ""):
        if element.get("url") in (
            PAS + "extension-administrationReferenceNumber",
            PAS + "extension-authorizationNumber",
            "number",
        ):
            found.add(str(element.get("valueString")))
    return frozenset(found)


def _describes(asked: Resource, item: Resource, answered: Resource) -> bool:
    action = fhir.code(fhir.extension_value(asked, PAS + "extension-reviewActionCode"), X12_ACTION)
    issued = fhir.extension_value(asked, PAS + "extension-itemCertificationIssueDate")
    return (
        _code_within(asked, item)
        and _overlap(_dates(asked), _dates(item))
        and action in (None, _action(answered))
        and issued in (None, fhir.extension_value(answered, PAS + "extension-itemPreAuthIssueDate"))
    )


def _code_within(asked: Resource, item: Resource) -> bool:
    """Same code, or within the range that productOrServiceCodeEnd closes."""
    system, first = _service(asked.get("productOrService"))
    _, last = _service(fhir.extension_value(asked, _END))
    own_system, own = _service(item.get("productOrService"))
    if first is None:
        return True
    return own is not None and own_system == system and first <= own <= (last or first)


def _service(concept: Json) -> tuple[str | None, str | None]:
    coding: Resource = next((c for c in (concept or {}).get("coding", []) if c.get("code")), {})
    return coding.get("system"), coding.get("code")


def _dates(item: Resource) -> tuple[date | None, date | None]:
    found = claims.serviced(item)
    return found[0], found[1] or found[0]


def _overlap(one: tuple[date | None, date | None], other: tuple[date | None, date | None]) -> bool:
    """Unknown dates overlap with everything: an inquiry finds too much rather than too little."""
    (start, end), (other_start, other_end) = one, other
    ends_before = end is not None and other_start is not None and end < other_start
    starts_after = start is not None and other_end is not None and start > other_end
    return not ends_before and not starts_after


def _answered(response: Resource, sequence: int) -> Resource:
    return next((item for item in response.get("item") or [] if item["itemSequence"] == sequence), {})


def _action(answered: Resource) -> str | None:
    adjudication: Resource = next(iter(answered.get("adjudication") or []), {})
    review = next(iter(fhir.extensions(adjudication, PAS + "extension-reviewAction")), {})
    return fhir.code(fhir.extension_value(review, PAS + "extension-reviewActionCode"), X12_ACTION)
