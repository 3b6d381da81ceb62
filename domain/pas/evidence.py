"""Clinical evidence in a request -> facts: coded values, never text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from domain import fhir
from domain.codes import LOINC, UCUM
from domain.facts import EvidenceFact
from domain.json import Json, Resource

_REPORTED = {"final", "amended", "corrected"}
"""Observation.status of a result that counts (http://hl7.org/fhir/observation-status)."""
_ANSWERED = {"completed", "amended"}
"""QuestionnaireResponse.status of answers that count."""
_LOINC_CODE = re.compile(r"\d{1,7}-\d")
_CLINICAL_NOTE = "34117-2"
"""LOINC: history and physical note."""


def evidence_of(resource: Resource) -> Iterator[EvidenceFact]:
    """The facts in an Observation (with its components) or a QuestionnaireResponse; nothing for other types and for
    results that are preliminary, cancelled or entered in error."""
    source = f"{resource['resourceType']}/{resource.get('id', '')}"
    if resource["resourceType"] == "Observation" and resource.get("status") in _REPORTED:
        yield from _observed(resource, source)
    elif resource["resourceType"] == "QuestionnaireResponse" and resource.get("status") in _ANSWERED:
        on = fhir.full_date(resource.get("authored"))
        yield from _answered(resource.get("item") or [], on, source)


def attachment_code(evidence_code: str) -> str:
    """The LOINC code to ask a provider with for missing evidence: the code itself, or a clinical note where a criterion
    looks at an answer of a questionnaire, which has no LOINC code (required binding of PAS)."""
    return evidence_code if _LOINC_CODE.fullmatch(evidence_code) else _CLINICAL_NOTE


def _observed(observation: Resource, source: str) -> Iterator[EvidenceFact]:
    period = observation.get("effectivePeriod") or {}
    effective = observation.get("effectiveDateTime") or observation.get("effectiveInstant")
    on = fhir.full_date(effective or period.get("end") or period.get("start"))
    for element in (observation, *(observation.get("component") or [])):
        for code in fhir.codes(element.get("code"), LOINC):
            value = _value(element, "value")
            if value is not None:
                yield EvidenceFact(code=code, on=on, source=source, **value)


def _answered(items: list[Resource], on: date | None, source: str) -> Iterator[EvidenceFact]:
    for item in items:
        for answer in item.get("answer") or []:
            value = _value(answer, "value")
            if value is not None:
                yield EvidenceFact(code=item["linkId"].removeprefix("/"), on=on, source=source, **value)
            yield from _answered(answer.get("item") or [], on, source)
        yield from _answered(item.get("item") or [], on, source)


def _value(element: Resource, prefix: str) -> dict[str, Json] | None:
    """``value[x]`` as fields of a fact; ``None`` when it is absent or text."""
    quantity = element.get(f"{prefix}Quantity")
    if quantity:
        return _quantity(quantity)
    for kind in ("Integer", "Decimal"):
        if (number := element.get(prefix + kind)) is not None:
            return {"number": float(number)}
    if (flag := element.get(f"{prefix}Boolean")) is not None:
        return {"boolean": flag}
    concept = element.get(f"{prefix}CodeableConcept")
    codings = concept.get("coding", []) if concept else [element.get(f"{prefix}Coding") or {}]
    coded = next((c["code"] for c in codings if c.get("code")), None)
    return {"coded": coded} if coded else None


def _quantity(quantity: Resource) -> dict[str, Json] | None:
    """A measured number. With a comparator (``<``, ``>``) the number is a bound, not a value: unknown."""
    if quantity.get("value") is None or quantity.get("comparator"):
        return None
    unit = quantity.get("code") if quantity.get("system", UCUM) == UCUM else None
    return {"number": float(quantity["value"]), "unit": unit}
