"""The AuditEvent of one step: who touched which resources, when, in which case. References and codes only.

After IHE Basic Audit Log Patterns (https://profiles.ihe.net/ITI/BALP) on https://hl7.org/fhir/R4/auditevent.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain.codes import CASE_ID, ENGINE
from domain.json import Resource

PRINCIPAL: Final = ENGINE + "principal"
ROLE: Final = ENGINE + "role"
SYSTEM: Final = "system"
"""The actor of what nobody asked for: timers and automatic steps."""

_TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem/"
_APPLICATION: Final = {"coding": [{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110150"}]}
_USER: Final = {"coding": [{"system": f"{_TERMINOLOGY}v3-ParticipationType", "code": "IRCP"}]}
_ENGINE_ID: Final = {"identifier": {"system": ENGINE + SYSTEM, "value": "workflow-orchestration-engine"}}


@dataclass(frozen=True, slots=True)
class Occasion:
    """Who did something, when, and as which step of which case."""

    actor: str
    """Id of the principal, or ``system``."""
    role: str | None
    """The role that it acted in, a value of ``domain.principal.Role``; ``None`` when the step does not know."""
    case: str
    step: str
    recorded: datetime
    passed_on_by: str | None = None
    """Id of the principal that brought what ``actor`` decided elsewhere."""


def audit_event(occasion: Occasion, read: Sequence[str], created: Sequence[str], updated: Sequence[str]) -> Resource:
    """One AuditEvent over the references that were read, created and updated. Without an id."""
    touched = [("read", r) for r in read] + [("created", r) for r in created] + [("updated", r) for r in updated]
    return {
        "resourceType": "AuditEvent",
        "type": {"system": f"{_TERMINOLOGY}audit-event-type", "code": "rest"},
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": "transaction"}],
        "action": "U" if updated else "C" if created else "R",
        "recorded": occasion.recorded.isoformat(timespec="milliseconds"),
        "outcome": "0",
        "agent": _agents(occasion),
        "source": {
            "observer": _ENGINE_ID,
            "type": [{"system": f"{_TERMINOLOGY}security-source-type", "code": "4"}],
        },
        "entity": [_case(occasion), *(_entity(access, reference) for access, reference in touched)],
    }


def _agents(occasion: Occasion) -> list[Resource]:
    engine = {"type": _APPLICATION, "who": _ENGINE_ID, "requestor": occasion.actor == SYSTEM}
    if occasion.actor == SYSTEM:
        return [engine]
    user: Resource = {"type": _USER, "who": _principal(occasion.actor), "requestor": True}
    if occasion.role is not None:
        user["role"] = [{"coding": [{"system": ROLE, "code": occasion.role}]}]
    if occasion.passed_on_by is None:
        return [user, engine]
    return [user, {"type": _APPLICATION, "who": _principal(occasion.passed_on_by), "requestor": False}, engine]


def _principal(id_: str) -> Resource:
    return {"identifier": {"system": PRINCIPAL, "value": id_}}


def _case(occasion: Occasion) -> Resource:
    return {
        "what": {"identifier": {"system": CASE_ID, "value": occasion.case}},
        "role": {"system": f"{_TERMINOLOGY}object-role", "code": "20"},
        "detail": [{"type": "step", "valueString": occasion.step}],
    }


def _entity(access: str, reference: str) -> Resource:
    return {
        "what": {"reference": reference},
        "type": {"system": f"{_TERMINOLOGY}audit-entity-type", "code": "2"},
        "role": {"system": f"{_TERMINOLOGY}object-role", "code": "4"},
        "detail": [{"type": "access", "valueString": access}],
    }
