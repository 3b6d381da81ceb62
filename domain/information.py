"""Asking the provider for what is missing: the Task that it answers with CDex ``$submit-attachment``.

http://hl7.org/fhir/us/davinci-pas/StructureDefinition/profile-task (2.2.1)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from domain import fhir
from domain.case import resource_id
from domain.cases import CaseRecord
from domain.codes import LOINC, PAS, PAS_CODES, TRACKING_NUMBER
from domain.errors import Malformed, Problem
from domain.json import Resource
from domain.pas.structure import structural_problems

ACCEPTED: Final = frozenset({"DocumentReference", "Observation", "QuestionnaireResponse", "DiagnosticReport"})
"""What an attachment may be."""
EMPTY: Final[Resource] = {}
OPEN: Final = frozenset({"requested", "accepted", "in-progress"})


def information_task(
    record: CaseRecord, round_: int, missing: Sequence[tuple[int, str]], *, asked: datetime, due: datetime, url: str
) -> Resource:
    """The Task for ``missing``: (item sequence, LOINC code) pairs. Keyed by case and round. ``url``: our FHIR base,
    where the provider sends the attachments."""
    return fhir.strip_empty(
        {
            "resourceType": "Task",
            "id": resource_id(record.id, f"information:{round_}"),
            "meta": {"profile": [PAS + "profile-task"]},
            "identifier": [{"system": TRACKING_NUMBER, "value": record.tracking_number}],
            "partOf": [{"reference": record.reference}],
            "status": "requested",
            "intent": "order",
            "code": fhir.concept(PAS_CODES, "attachment-request-code"),
            "reasonCode": fhir.concept(PAS_CODES, "priorAuthorization"),
            "reasonReference": {"reference": record.claim},
            "for": {"reference": record.patient} if record.patient else None,
            "authoredOn": fhir.instant(asked),
            "requester": {"identifier": {"system": TRACKING_NUMBER, "value": record.tracking_number}},
            "restriction": {"period": {"end": fhir.instant(due)}},
            "input": [
                {"type": fhir.concept(PAS_CODES, "payer-url"), "valueUrl": url},
                *(_needed(sequence, code) for sequence, code in missing),
            ],
        }
    )


def closed_information(task: Resource) -> Resource | None:
    """``task`` as given up on, or ``None`` when it was answered."""
    return {**task, "status": "failed"} if task["status"] in OPEN else None


def _needed(sequence: int, code: str) -> Resource:
    return {
        "extension": [{"url": PAS + "extension-serviceLineNumber", "valuePositiveInt": sequence}],
        "type": fhir.concept(PAS_CODES, "attachments-needed"),
        "valueCodeableConcept": fhir.concept(LOINC, code),
    }


def tracking_of(parameters: Resource) -> str:
    """The tracking number that a ``$submit-attachment`` names. Raises ``Malformed`` without one."""
    found = (each for each in parameters.get("parameter", []) if each.get("name") == "TrackingId")
    identifier = next(found, EMPTY).get("valueIdentifier") or {}
    if not isinstance(identifier.get("value"), str):
        path = "Parameters.parameter.where(name = 'TrackingId').value"
        raise Malformed([Problem(path=path, text="Name the tracking number of the request.", code="required")])
    return str(identifier["value"])


def attachments(parameters: Resource) -> list[Resource]:
    """The resources that a ``$submit-attachment`` carries. Raises ``Malformed`` with every problem."""
    problems, found = [], []
    for index, each in enumerate(parameters.get("parameter", [])):
        if each.get("name") != "Attachment":
            continue
        path = f"Parameters.parameter[{index}]"
        content = [part.get("resource") for part in each.get("part", []) if part.get("name") == "Content"]
        if len(content) != 1 or not isinstance(content[0], dict) or content[0].get("resourceType") not in ACCEPTED:
            kinds = ", ".join(sorted(ACCEPTED))
            problems.append(Problem(path=f"{path}.part", text=f"Send one part 'Content' with one of {kinds}."))
        else:
            problems += structural_problems(content[0], f"{path}.part.resource")
            found.append(content[0])
    if not found and not problems:
        problems.append(Problem(path="Parameters.parameter", text="Send at least one Attachment.", code="required"))
    if problems:
        raise Malformed(problems)
    return found
