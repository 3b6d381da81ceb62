"""The samples as Python: what the payer has on record, and requests made from the sample cases."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from adapters.fhir.base import Entry
from adapters.fhir.memory import MemoryFhir
from host.identity import Identity, read_identities

SAMPLES = Path(__file__).parents[2] / "samples"


@cache
def identities() -> tuple[Identity, ...]:
    """Everybody of ``samples/identities.json``."""
    return read_identities(SAMPLES / "identities.json")


@cache
def _members() -> tuple[dict[str, Any], ...]:
    files = sorted((SAMPLES / "members").glob("*.json"))
    return tuple(entry["resource"] for file in files for entry in json.loads(file.read_text())["entry"])


async def seed(fhir: MemoryFhir) -> None:
    """Put the payer's own records on the server."""
    await fhir.transaction([Entry("PUT", f"{each['resourceType']}/{each['id']}", each) for each in _members()])


@cache
def _case(name: str) -> str:
    return (SAMPLES / "cases" / f"{name}.json").read_text()


def request(
    name: str, *, number: str | None = None, priority: str | None = None, member: str | None = None
) -> dict[str, Any]:
    """The sample request ``name``; with ``number`` it is another request of the same content.

    ``priority``: ``normal`` or ``stat``. ``member``: a member id of the payer; the birth date is taken from its record.
    """
    bundle: dict[str, Any] = json.loads(_case(name))
    claim = bundle["entry"][0]["resource"]
    if number is not None:
        bundle["identifier"]["value"] = claim["identifier"][0]["value"] = number
    if priority is not None:
        claim["priority"]["coding"][0]["code"] = priority
    if member is not None:
        _set_member(bundle, member)
    return bundle


def resource(bundle: dict[str, Any], kind: str) -> dict[str, Any]:
    """The first resource of a type in a Bundle; the thing itself, to be changed."""
    found: dict[str, Any] = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind)
    return found


def _set_member(bundle: dict[str, Any], member: str) -> None:
    coverage = next(each for each in _members() if each.get("subscriberId") == member)
    patient = next(each for each in _members() if f"Patient/{each.get('id')}" == coverage["beneficiary"]["reference"])
    resource(bundle, "Coverage")["subscriberId"] = member
    submitted = resource(bundle, "Patient")
    submitted["identifier"][0]["value"] = member
    submitted["birthDate"] = patient["birthDate"]


def attachment(tracking: str, code: str, value: dict[str, Any]) -> dict[str, Any]:
    """A CDex ``$submit-attachment`` with one Observation. ``value``: ``{"valueQuantity": ...}``."""
    observation = {
        "resourceType": "Observation",
        "id": "late",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "effectiveDateTime": "2026-11-20",
        **deepcopy(value),
    }
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "TrackingId", "valueIdentifier": {"value": tracking}},
            {"name": "AttachTo", "valueCode": "claim"},
            {"name": "Attachment", "part": [{"name": "Content", "resource": observation}]},
        ],
    }
