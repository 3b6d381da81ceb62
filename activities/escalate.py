"""*escalate*: the open task becomes more urgent and its supervisors are told."""

from __future__ import annotations

from typing import Final

from activities.step import Work, step
from domain import fhir
from domain.case import resource_id
from domain.codes import ENGINE, TASK_CODE
from domain.envelope import Message
from domain.json import Resource
from domain.messages import EscalateInput

PRIORITY: Final = {50: "urgent", 75: "asap", 90: "stat", 100: "stat"}
"""Share of the time that is used up, in percent -> https://hl7.org/fhir/R4/valueset-request-priority.html"""
FINISHED: Final = frozenset({"completed", "failed", "cancelled"})


@step(EscalateInput)
async def escalate(work: Work[EscalateInput]) -> Message:
    """Keyed by the case and the percentage: told once."""
    alert = resource_id(work.case, f"escalation:{work.envelope.due}:{work.data.percent}")
    record, told = await work.unit.read_many([work.envelope.case.record, f"Communication/{alert}"])
    if record is None or told is not None:
        return Message()
    subject = record
    if work.envelope.task:
        task = await work.unit.read(work.envelope.task)
        if task["status"] not in FINISHED:
            work.unit.update({**task, "priority": PRIORITY[work.data.percent]}, if_match=task["meta"]["versionId"])
            subject = task
    work.unit.create(_alert(work, alert, subject))
    return Message()


def _alert(work: Work[EscalateInput], alert: str, subject: Resource) -> Resource:
    queue = fhir.code(subject.get("code"), TASK_CODE) or "cases"
    return {
        "resourceType": "Communication",
        "id": alert,
        "status": "completed",
        "category": [fhir.concept("http://terminology.hl7.org/CodeSystem/communication-category", "alert")],
        "priority": PRIORITY[work.data.percent],
        "about": [fhir.refer(subject)],
        "sent": fhir.instant(work.envelope.at),
        "recipient": [{"identifier": {"system": ENGINE + "supervisors", "value": queue}}],
        "reasonCode": [fhir.concept(ENGINE + "escalation", f"clock-{work.data.percent}")],
    }
