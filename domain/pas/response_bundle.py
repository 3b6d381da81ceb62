"""The PAS response Bundle: the ClaimResponse first, then what it refers to, as the submitter sent it.

Resources of the request are echoed with the fullUrl and id that they had there (spec-33), so the submitter recognises
them and never sees the payer's own records. http://hl7.org/fhir/us/davinci-pas/StructureDefinition/profile-pas-response-bundle
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain import fhir
from domain.case import Identifier
from domain.codes import PAS
from domain.json import Resource
from domain.pas.bundle import entry_index, stored_name
from domain.pas.request import focal_insurance

RESPONSE = "profile-pas-response-bundle"
INQUIRY = "profile-pas-inquiry-response-bundle"


def response_bundle(
    case: str,
    response: Resource,
    submitted: Resource,
    base: str,
    at: datetime,
    others: Sequence[Resource] = (),
    inquiry: Identifier | None = None,
) -> Resource:
    """The Bundle that answers with the stored ``response`` of ``case``.

    ``submitted``: the request's Bundle as stored; ``base``: our FHIR base URL without a slash at the end; ``at``: UTC
    instant of the answer; ``others``: stored resources of ours that the response refers to (CommunicationRequests);
    ``inquiry``: identifier of the inquiry that is answered, if it is one.
    """
    echoes = _closure(submitted)
    names = _submitted_names(case, response, submitted)

    def rename(reference: str) -> Resource:
        return {"reference": names.get(reference, reference)}

    ours = [
        {"fullUrl": f"{base}/{fhir.name(each)}", "resource": _outward(each, rename)} for each in (response, *others)
    ]
    return {
        "resourceType": "Bundle",
        "meta": {"profile": [PAS + (INQUIRY if inquiry else RESPONSE)]},
        "identifier": inquiry.model_dump() if inquiry else submitted["identifier"],
        "type": "collection",
        "timestamp": fhir.instant(at),
        "entry": [*ours, *(submitted["entry"][position] for position in echoes)],
    }


def _outward(resource: Resource, rename: fhir.Rename) -> Resource:
    meta = {key: value for key, value in resource.get("meta", {}).items() if key == "profile"}
    outward: Resource = fhir.renamed({**resource, "meta": meta}, rename)
    return fhir.strip_empty(outward)


def _submitted_names(case: str, response: Resource, submitted: Resource) -> dict[str, str]:
    """Reference of ours, or of the payer's own record -> fullUrl of the submitted resource that it stands for."""
    entries = submitted["entry"]
    names = {stored_name(case, index, each["resource"]): each["fullUrl"] for index, each in enumerate(entries)}
    claim = entries[0]["resource"]
    index, _ = entry_index(entries)
    told = [(claim["patient"], response.get("patient")), (claim["insurer"], response.get("insurer"))]
    if response.get("insurance"):
        told.append((focal_insurance(claim)["coverage"], focal_insurance(response)["coverage"]))
    for written, stored in told:
        position = index.get(str(fhir.reference(written)).split("/_history/")[0])
        name = fhir.reference(stored)
        if name and position is not None:
            names[name] = entries[position]["fullUrl"]
    return names


def _closure(submitted: Resource) -> list[int]:
    """Positions of the Claim and of all that can be reached from it, in the order of the request, the Claim last: as in
    the official responses."""
    entries = submitted["entry"]
    index, _ = entry_index(entries)
    reached: set[int] = set()
    open_ = [0]
    while open_:
        position = open_.pop()
        if position in reached:
            continue
        reached.add(position)
        for _, element in fhir.walk(entries[position]["resource"], ""):
            target = index.get((fhir.reference(element) or "").split("/_history/")[0])
            if target is not None:
                open_.append(target)
    return [*sorted(reached - {0}), 0]
