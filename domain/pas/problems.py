"""What is wrong with a request's Claim beyond its FHIR structure. Tolerates a Claim of any shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from domain import fhir
from domain.errors import Problem
from domain.fhir import Resolve
from domain.json import Json, Resource
from domain.pas.claim import certification_type

_CLAIM = "Bundle.entry[0].resource"
_PARTIES = {"patient": ("Patient",), "insurer": ("Organization",), "provider": ("Organization", "PractitionerRole")}
_SEQUENCES = ("item", "diagnosis", "careTeam", "supportingInfo", "insurance")
_POINTERS = {
    "diagnosisSequence": "diagnosis",
    "careTeamSequence": "careTeam",
    "informationSequence": "supportingInfo",
}
_FULL_DATE = 10


def claim_problems(claim: Resource, resolve: Resolve) -> Iterator[Problem]:
    """Every problem of the Claim, with FHIRPaths that start at the Bundle."""
    if claim.get("use") != "preauthorization":
        yield Problem(path=f"{_CLAIM}.use", text="The use of the Claim must be 'preauthorization'.", code="value")
    if not any(isinstance(i.get("value"), str) for i in _dicts(claim.get("identifier"))):
        yield _required("identifier", "Identify the Claim, with a value.")
    yield from party_problems(claim, resolve)
    yield from _insurance(claim, resolve)
    # A cancellation of the whole request needs no items (PAS 2.2.1, cancel).
    if not _dicts(claim.get("item")) and certification_type(claim) != "3":
        yield _required("item", "Request at least one item.")
    for element in _SEQUENCES:
        yield from _duplicates(claim, element)
    for index, item in enumerate(_dicts(claim.get("item"))):
        yield from _pointers(claim, item, f"{_CLAIM}.item[{index}]")
        yield from _dates(item, f"{_CLAIM}.item[{index}]", "serviced")
    for index, info in enumerate(_dicts(claim.get("supportingInfo"))):
        yield from _dates(info, f"{_CLAIM}.supportingInfo[{index}]", "timing")


def party_problems(claim: Resource, resolve: Resolve) -> Iterator[Problem]:
    """Patient, insurer and provider: who must be named, in a request and in an inquiry."""
    for element, types in _PARTIES.items():
        yield from _party(claim.get(element), f"{_CLAIM}.{element}", types, resolve)


def _required(element: str, text: str) -> Problem:
    return Problem(path=f"{_CLAIM}.{element}", text=text, code="required")


def _party(element: Json, path: str, types: tuple[str, ...], resolve: Resolve) -> Iterator[Problem]:
    name = fhir.reference(element)
    if name is None:
        yield Problem(path=path, text=f"Refer to an entry of type {' or '.join(types)}.", code="required")
        return
    # A reference that resolves nowhere is told once, with all others.
    target = resolve(name)
    if target is not None and target.get("resourceType") not in types:
        yield Problem(path=path, text=f"This must refer to an entry of type {' or '.join(types)}.", code="value")


def _insurance(claim: Resource, resolve: Resolve) -> Iterator[Problem]:
    insurance = _dicts(claim.get("insurance"))
    if not insurance:
        yield _required("insurance", "Name the Coverage that is asked.")
    for index, one in enumerate(insurance):
        yield from _party(one.get("coverage"), f"{_CLAIM}.insurance[{index}].coverage", ("Coverage",), resolve)


def _duplicates(claim: Resource, element: str) -> Iterator[Problem]:
    seen = set()
    for index, one in enumerate(_dicts(claim.get(element))):
        sequence = one.get("sequence")
        if isinstance(sequence, int) and sequence in seen:
            path = f"{_CLAIM}.{element}[{index}].sequence"
            yield Problem(path=path, text="Another entry has the same sequence.", code="duplicate")
        elif isinstance(sequence, int):
            seen.add(sequence)


def _pointers(claim: Resource, item: Resource, path: str) -> Iterator[Problem]:
    for pointer, element in _POINTERS.items():
        known = {one.get("sequence") for one in _dicts(claim.get(element)) if isinstance(one.get("sequence"), int)}
        for sequence in item.get(pointer) or [] if isinstance(item.get(pointer), list) else []:
            if isinstance(sequence, int) and sequence not in known:
                text = f"No Claim.{element} has this sequence."
                yield Problem(path=f"{path}.{pointer}", text=text, code="not-found")


def _dates(element: Resource, path: str, prefix: str) -> Iterator[Problem]:
    period = element.get(f"{prefix}Period")
    period = period if isinstance(period, dict) else {}
    named = {
        f"{prefix}Date": element.get(f"{prefix}Date"),
        f"{prefix}Period.start": period.get("start"),
        f"{prefix}Period.end": period.get("end"),
    }
    for name, value in named.items():
        if isinstance(value, str) and len(value) < _FULL_DATE:
            yield Problem(path=f"{path}.{name}", text="Give the full date, YYYY-MM-DD.", code="value")
    start, end = period.get("start"), period.get("end")
    if isinstance(start, str) and isinstance(end, str) and start[:_FULL_DATE] > end[:_FULL_DATE]:
        yield Problem(path=f"{path}.{prefix}Period", text="The period ends before it starts.", code="value")


def _dicts(value: Json) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
