"""One item of a ClaimResponse: what was asked, the review action, and what is authorized.

http://hl7.org/fhir/us/davinci-pas/StructureDefinition/profile-claimresponse (2.2.1): item, addItem and what is in them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from domain import fhir
from domain.codes import ADJUDICATION, PAS, X12_ACTION, X12_REASON, Action
from domain.json import Json, Resource
from domain.pas.claim import serviced

VALIDITY = timedelta(days=90)
"""How long an authorization is good for when neither the request nor the reviewer says (plan policy)."""


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """What the response says of one item."""

    sequence: int
    action: str
    """X12 306."""
    authorization_number: str | None = None
    reference_number: str | None = None
    """Administration reference number (pended or disallowed)."""
    reason: str | None = None
    """X12 886."""
    note: str | None = None
    """Sentence for the provider."""
    issued: date | None = None
    start: date | None = None
    end: date | None = None
    quantity: float | None = None
    """Authorized quantity, when it differs from the requested one."""


def response_item(claim: Resource, answer: ItemAnswer, note: int | None, provider: str | None) -> Resource:
    """ClaimResponse.item. ``note``: number of its processNote; ``provider``: reference of who may perform it."""
    asked: Resource = next((item for item in claim.get("item") or [] if item["sequence"] == answer.sequence), {})
    return fhir.strip_empty(
        {
            "extension": _extensions(asked, answer, provider),
            "itemSequence": answer.sequence,
            "noteNumber": [note] if note else None,
            "adjudication": [_adjudication(answer)],
        }
    )


def _extensions(asked: Resource, answer: ItemAnswer, provider: str | None) -> list[Resource]:
    period = asked.get("servicedPeriod") or {}
    date_ = asked.get("servicedDate")
    found = [
        *fhir.extensions(asked, PAS + "extension-itemTraceNumber"),
        extension("administrationReferenceNumber", "String", answer.reference_number),
        extension("itemRequestedServiceDate", "Period", period) if period else None,
        extension("itemRequestedServiceDate", "DateTime", date_),
    ]
    if answer.authorization_number:
        found += [
            extension("itemPreAuthIssueDate", "Date", answer.issued and answer.issued.isoformat()),
            extension("itemPreAuthPeriod", "Period", _period(asked, answer)),
            _authorized_provider(provider),
            _authorized_detail(asked, answer),
        ]
    return [each for each in found if each]


def _authorized_provider(provider: str | None) -> Resource | None:
    part = {"url": "provider", "valueReference": {"reference": provider}}
    return {"url": PAS + "extension-itemAuthorizedProvider", "extension": [part]} if provider else None


def _authorized_detail(asked: Resource, answer: ItemAnswer) -> Resource | None:
    if answer.action != Action.CERTIFIED:
        return None
    parts = [
        {"url": "productOrServiceCode", "valueCodeableConcept": asked.get("productOrService")},
        *({"url": "modifier", "valueCodeableConcept": modifier} for modifier in asked.get("modifier") or []),
        {"url": "unitPrice", "valueMoney": asked.get("unitPrice")},
        {"url": "quantity", "valueQuantity": asked.get("quantity")},
    ]
    kept = [part for part in parts if all(part.values())]
    return {"url": PAS + "extension-itemAuthorizedDetail", "extension": kept} if kept else None


def add_item(claim: Resource, answer: ItemAnswer) -> Resource:
    """What is authorized instead of a modified item (spec-36, spec-37): linked by itemSequence."""
    asked = next(item for item in claim["item"] if item["sequence"] == answer.sequence)
    quantity = dict(asked.get("quantity") or {})
    if answer.quantity is not None:
        quantity["value"] = answer.quantity
    certified = replace(answer, action=Action.CERTIFIED, reason=None)
    dated = [
        extension("itemPreAuthIssueDate", "Date", answer.issued and answer.issued.isoformat()),
        extension("itemPreAuthPeriod", "Period", _period(asked, answer)),
    ]
    return fhir.strip_empty(
        {
            "extension": [each for each in dated if each],
            "itemSequence": [answer.sequence],
            "productOrService": asked["productOrService"],
            "modifier": asked.get("modifier"),
            "quantity": quantity,
            "unitPrice": asked.get("unitPrice"),
            "adjudication": [_adjudication(certified)],
        }
    )


def _adjudication(answer: ItemAnswer) -> Resource:
    action = PAS + "extension-reviewActionCode"
    parts: list[dict[str, Any]] = []
    if answer.authorization_number:
        parts.append({"url": "number", "valueString": answer.authorization_number})
    parts.append({"url": action, "valueCodeableConcept": fhir.concept(X12_ACTION, answer.action)})
    if answer.reason:
        parts.append({"url": "reasonCode", "valueCodeableConcept": fhir.concept(X12_REASON, answer.reason)})
    return {
        "extension": [{"url": PAS + "extension-reviewAction", "extension": parts}],
        "category": fhir.concept(ADJUDICATION, "submitted"),
    }


def extension(name: str, kind: str, value: Json) -> Resource | None:
    """The PAS extension ``name`` with ``value[x]`` of ``kind``, or ``None`` when there is no value."""
    return {"url": f"{PAS}extension-{name}", f"value{kind}": value} if value else None


def _period(asked: Resource, answer: ItemAnswer) -> Resource:
    """Every authorization tells when it ends (42 CFR 431.80(b), 457.732(b))."""
    requested_start, requested_end = serviced(asked)
    start = answer.start or requested_start or answer.issued
    end = answer.end or (requested_end if "servicedPeriod" in asked else None) or (start and start + VALIDITY)
    return {"start": start.isoformat(), "end": end.isoformat()} if start and end else {}
