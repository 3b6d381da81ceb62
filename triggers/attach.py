"""``POST /fhir/$submit-attachment``: what a provider was asked for comes in (CDex).

http://hl7.org/fhir/us/davinci-cdex/OperationDefinition/submit-attachment
"""

from __future__ import annotations

from typing import Any

import azure.durable_functions as df
import azure.functions as func

from adapters.fhir.unit import UnitOfWork, unit
from domain import fhir as elements
from domain.case import resource_id
from domain.cases import RECORD_CODES, CaseRecord, changed_case, read_case
from domain.codes import TASK_CODE, TRACKING_NUMBER
from domain.errors import Conflict, Malformed, NotFound, Problem
from domain.events.mark import marked
from domain.information import OPEN, attachments, tracking_of
from domain.json import Json, Resource
from domain.pas.adopt import adopt, logical
from domain.pas.structure import structural_problems
from domain.principal import Role
from triggers.desk import Desk
from triggers.door import WITH_KEY, Call, Dialect, door, fhir

blueprint = df.Blueprint()


@door(blueprint, "fhir/$submit-attachment", "POST", roles=(Role.SUBMITTER,), dialect=Dialect.FHIR, auth=WITH_KEY)
async def attach(call: Call) -> func.HttpResponse:
    """The attachments are stored as evidence of the case, which goes on."""
    await inform(call, call.json)
    outcome = {"severity": "information", "code": "informational", "diagnostics": "The attachments were received."}
    return fhir({"resourceType": "OperationOutcome", "issue": [outcome]})


async def inform(desk: Desk, body: Json) -> str:
    """Store the attachments as evidence of the case, close the open request, let the case go on. Returns its id.

    Raises ``Malformed``, ``NotFound('case')`` and, when the case waits for nothing, ``Conflict('nothing-asked')``.
    """
    parameters = _checked(body)
    task, record, asked = await _asked(desk, tracking_of(parameters))
    work = unit(
        desk.to.fhir, case=record.id, step="attach", recorded=desk.to.now(), actor=desk.who.id, role=Role.SUBMITTER,
        accessed=desk.accessed,
    )  # fmt: skip
    names = _store(work, record, asked, attachments(parameters))
    work.update(marked({**asked, "status": "completed"}, desk.mark), if_match=asked["meta"]["versionId"])
    evidence = tuple(dict.fromkeys((*record.evidence, *names)))
    work.update(changed_case(task, evidence=evidence), if_match=task["meta"]["versionId"])
    if not desk.dry:
        await work.commit()
        await desk.instances.raise_event(record.id, f"informed:{asked['id']}", {"task": asked["id"]})
    return record.id


def _checked(parameters: Json) -> dict[str, Any]:
    if not isinstance(parameters, dict) or parameters.get("resourceType") != "Parameters":
        text = "The body is not a Parameters resource."
        raise Malformed([Problem(path="$", text=text, code="structure")], "not-parameters")
    if problems := list(structural_problems(_without_resources(parameters), "Parameters")):
        raise Malformed(problems)
    return {**parameters, "parameter": parameters.get("parameter") or []}


def _without_resources(element: Json) -> Json:
    """Parameters alone: what they carry is judged by itself."""
    if isinstance(element, dict):
        return {key: _without_resources(value) for key, value in element.items() if key != "resource"}
    return [_without_resources(each) for each in element] if isinstance(element, list) else element


async def _asked(desk: Desk, number: str) -> tuple[Resource, CaseRecord, Resource]:
    """The case of the tracking number that waits for information, or its appeal, with the open request."""
    page = await desk.to.fhir.search(
        "Task", {"identifier": elements.token(TRACKING_NUMBER, number), "code": RECORD_CODES}
    )
    own = [(task, read_case(task)) for task in page.matches]
    own = [(task, record) for task, record in own if record.submitter == desk.organization]
    if not own:
        raise NotFound("case", "no request of your organization has this tracking id")
    for task, record in own:
        if (asked := await _open_request(desk, record)) is not None:
            return task, record, asked
    raise Conflict("nothing-asked", "no information is awaited for this request")


async def _open_request(desk: Desk, record: CaseRecord) -> Resource | None:
    page = await desk.to.fhir.search("Task", {"part-of": record.reference, "status": ",".join(sorted(OPEN))})
    return next((each for each in page.matches if elements.code(each["code"], TASK_CODE) is None), None)


def _store(work: UnitOfWork, record: CaseRecord, asked: Resource, given: list[Resource]) -> list[str]:
    """Each attachment with our id and the payer's own patient (none, when the member is not matched); returns their
    names. What else it refers to is not stored here."""
    names = []
    for index, resource in enumerate(given):
        ours = adopt(resource, resource_id(record.id, f"attachment:{asked['id']}:{index}"), logical)
        ours.pop("subject", None)
        if record.patient:
            ours["subject"] = {"reference": record.patient}
        work.update(ours)
        names.append(elements.name(ours))
    return names
