"""Reading a PAS Claim: items, diagnoses, dates, urgency and the facts that the rules take.

Works on the submitted Claim and on the stored one alike. http://hl7.org/fhir/us/davinci-pas/StructureDefinition/profile-claim
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from domain import fhir
from domain.codes import (
    HCPCS,
    ICD10CM,
    PAS,
    PAS_CODES,
    RELATED_CLAIM,
    X12_CERTIFICATION,
    X12_LEVEL_OF_SERVICE,
)
from domain.facts import EvidenceFact, LineOfBusiness, ServiceFact, Urgency
from domain.fhir import Resolve
from domain.json import Json, Resource
from domain.pas.evidence import evidence_of

_URGENT = {"U", "03"}
"""X12 1338 level-of-service codes that mean urgent or emergency."""
_CANCEL = "3"
"""X12 1322 certification type of a cancellation."""
_DATES = ("patientEvent", "admissionDates")
"""Categories of supportingInfo whose timing is the service date of items that have none."""


@dataclass(frozen=True, slots=True)
class Item:
    """One Claim.item."""

    sequence: int
    system: str | None
    code: str | None
    quantity: float | None
    start: date | None
    end: date | None
    diagnoses: tuple[str, ...]


def items(claim: Resource, resolve: Resolve | None = None) -> tuple[Item, ...]:
    """The items of a Claim. ``resolve`` finds Conditions of ``diagnosisReference`` (without it those stay unknown)."""
    diagnoses = _diagnoses(claim, resolve)
    return tuple(_item(item, claim, diagnoses) for item in claim.get("item") or [])


def urgency(claim: Resource) -> Urgency:
    """Expedited when the level of service is urgent or the priority is ``stat``."""
    level = fhir.code(fhir.extension_value(claim, PAS + "extension-levelOfServiceCode"), X12_LEVEL_OF_SERVICE)
    priority = {c.get("code") for c in (claim.get("priority") or {}).get("coding", [])}
    return Urgency.EXPEDITED if level in _URGENT or "stat" in priority else Urgency.STANDARD


def is_update(claim: Resource) -> bool:
    """Whether the Claim updates or cancels an earlier one (profile-claim-update)."""
    related = any("prior" in fhir.codes(r.get("relationship"), RELATED_CLAIM) for r in claim.get("related") or [])
    return related or any(_changes(element) for _, element in fhir.walk(claim, ""))


def certification_type(element: Resource) -> str | None:
    """X12 1322 code of a Claim or an item: ``I`` is an initial request."""
    return fhir.code(fhir.extension_value(element, PAS + "extension-certificationType"), X12_CERTIFICATION)


def service_dates(claim: Resource) -> tuple[date | None, date | None]:
    """First and last requested service date over all items; ``None`` where none is given."""
    found = items(claim)
    starts = [i.start for i in found if i.start]
    ends = [end for i in found if (end := i.end or i.start)]
    return (min(starts) if starts else None, max(ends) if ends else None)


def service_facts(
    claim: Resource, received_on: date, line_of_business: LineOfBusiness | None = None, resolve: Resolve | None = None
) -> tuple[ServiceFact, ...]:
    """Facts ``Service``; an item without a date takes ``received_on`` (date of receipt in the plan's time zone)."""
    return tuple(
        ServiceFact(
            sequence=item.sequence,
            system=item.system,
            code=item.code,
            quantity=item.quantity,
            service_on=item.start or received_on,
            diagnoses=item.diagnoses,
            line_of_business=line_of_business,
        )
        for item in items(claim, resolve)
    )


def evidence_facts(resources: Iterable[Resource]) -> tuple[EvidenceFact, ...]:
    """Facts ``Evidence`` of Observations and QuestionnaireResponses; others say nothing to the rules."""
    return tuple(fact for resource in resources for fact in evidence_of(resource))


def _item(item: Resource, claim: Resource, diagnoses: dict[int, tuple[str, ...]]) -> Item:
    system, code = _service(item.get("productOrService"))
    wanted = item.get("diagnosisSequence") or list(diagnoses)
    start, end = serviced(item)
    if start is None:
        start, end = _claim_dates(claim)
    quantity = (item.get("quantity") or {}).get("value")
    return Item(
        sequence=item["sequence"],
        system=system,
        code=code,
        quantity=float(quantity) if quantity is not None else None,
        start=start,
        end=end,
        diagnoses=tuple(code for sequence in wanted for code in diagnoses.get(sequence, ())),
    )


def _service(concept: Json) -> tuple[str | None, str | None]:
    """The HCPCS coding when there is one, else the first with a code."""
    codings = [c for c in (concept or {}).get("coding", []) if c.get("code")]
    codings.sort(key=lambda c: c.get("system") != HCPCS)
    return (codings[0].get("system"), codings[0]["code"]) if codings else (None, None)


def _diagnoses(claim: Resource, resolve: Resolve | None) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for diagnosis in claim.get("diagnosis") or []:
        concept = diagnosis.get("diagnosisCodeableConcept")
        target = fhir.reference(diagnosis.get("diagnosisReference"))
        if concept is None and target and resolve:
            concept = (resolve(target) or {}).get("code")
        found[diagnosis["sequence"]] = tuple(fhir.codes(concept, ICD10CM))
    return found


def serviced(element: Resource) -> tuple[date | None, date | None]:
    """First and last date of ``serviced[x]`` of an item."""
    period = element.get("servicedPeriod") or {}
    return (
        fhir.full_date(element.get("servicedDate") or period.get("start")),
        fhir.full_date(element.get("servicedDate") or period.get("end")),
    )


def _claim_dates(claim: Resource) -> tuple[date | None, date | None]:
    for info in claim.get("supportingInfo") or []:
        if set(fhir.codes(info.get("category"), PAS_CODES)) & set(_DATES):
            period = info.get("timingPeriod") or {}
            return (
                fhir.full_date(info.get("timingDate") or period.get("start")),
                fhir.full_date(info.get("timingDate") or period.get("end")),
            )
    period = claim.get("billablePeriod") or {}
    return fhir.full_date(period.get("start")), fhir.full_date(period.get("end"))


def _changes(element: Resource) -> bool:
    cancelled = any(
        e.get("url") == PAS + "modifierextension-infoCancelled" and e.get("valueBoolean")
        for e in element.get("modifierExtension") or []
        if isinstance(e, dict)
    )
    changed = bool(fhir.extensions(element, PAS + "extension-infoChanged"))
    return cancelled or changed or certification_type(element) == _CANCEL
