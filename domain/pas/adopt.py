"""What a submitter sends, as we store it: nothing in it can pass for the payer's own, or for the engine's.

Only clinical and administrative types become resources of ours. Everything else that a Bundle may hold (a Task, a
Subscription, an AuditEvent, ...) is work, wiring or evidence of the engine itself and stays inside the stored Bundle.
"""

from __future__ import annotations

from typing import Final

from domain import fhir
from domain.codes import ENGINE, SUBMITTED_REFERENCE
from domain.json import Json, Resource

EVIDENCE: Final = (
    "Observation", "QuestionnaireResponse", "DocumentReference", "DiagnosticReport", "Condition", "Procedure",
)  # fmt: skip
"""Types that carry evidence or documents."""
STORED: Final = frozenset(EVIDENCE) | {
    "Claim", "Patient", "Coverage", "RelatedPerson", "Organization", "Practitioner", "PractitionerRole", "Location",
    "Encounter", "ServiceRequest", "DeviceRequest", "MedicationRequest", "NutritionOrder", "Device", "Medication",
}  # fmt: skip
"""Types of a request that become resources: what a PAS Claim can refer to."""
_META: Final = ("profile", "security")
"""What a submitter may say in ``meta``: profiles, and labels of confidentiality, which must not get lost."""


def adopt(resource: Resource, id_: str, rename: fhir.Rename) -> Resource:
    """``resource`` with our id and references, without server metadata and without identifiers of our systems: by those
    the payer's own records are known (``domain.pas.member``)."""
    ours: Resource = fhir.renamed({key: value for key, value in resource.items() if key != "meta"}, rename)
    meta = {key: value for key, value in resource.get("meta", {}).items() if key in _META}
    return fhir.strip_empty({**ours, "id": id_, "meta": meta, "identifier": _foreign(ours.get("identifier"))})


def logical(reference: str) -> Resource:
    """What stands for a reference that resolves to nothing stored: nothing of ours may be pointed at by a name that a
    submitter chose."""
    return {"identifier": {"system": SUBMITTED_REFERENCE, "value": reference}}


def _foreign(identifiers: Json) -> Json:
    if isinstance(identifiers, list):
        return [each for each in identifiers if not _ours(each)]
    return None if _ours(identifiers) else identifiers


def _ours(identifier: Json) -> bool:
    """Servers index a system without the white space around it, so that is no way past this."""
    system = identifier.get("system") if isinstance(identifier, dict) else None
    return isinstance(system, str) and "".join(system.split()).lower().startswith(ENGINE)
