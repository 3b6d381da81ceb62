"""*notify-provider*: the current answer to every endpoint that the submitter subscribed, and a Communication of it."""

from __future__ import annotations

import logging
from typing import Final

from activities.records import read_record
from activities.step import Work, step
from adapters.notifications.base import Hook
from domain import fhir
from domain.case import resource_id
from domain.cases import CaseRecord
from domain.codes import ENGINE, ORGANIZATION, PAS_TOPIC
from domain.envelope import Message
from domain.errors import Rejected, Unavailable, WorkflowError
from domain.json import Resource
from domain.messages import NotifyInput
from domain.pas.notification import notification
from domain.pas.response_bundle import response_bundle
from domain.pas.subscription import subscribes

LOG: Final = logging.getLogger("workflow.activities")


@step(NotifyInput)
async def notify_provider(work: Work[NotifyInput]) -> Message:
    """Keyed by the case, the event and its key: receivers get the same idempotency key with every try, and none once
    the Communication says whether they were told. An endpoint that will never take it, or none at the last try, is
    recorded as not told and logged."""
    record = await read_record(work)
    notice = resource_id(work.case, f"notice:{work.data.event}:{work.data.key}")
    (told_before,) = await work.unit.read_many([f"Communication/{notice}"])
    if told_before is not None:
        return Message()
    active = await work.unit.search("Subscription", {"status": "active", "criteria": PAS_TOPIC})
    hooks = [each for each in active if subscribes(each, record.submitter)]
    obstacles: list[WorkflowError] = []
    if hooks:
        answer, version = await _answer(work, record)
        found = [await _obstacle(work, each, answer, version, notice) for each in hooks]
        obstacles = [each for each in found if each]
    away = next((each for each in obstacles if isinstance(each, Unavailable)), None)
    if away and not work.data.last:
        raise away
    if obstacles:
        LOG.error("case %s: nobody was told of %s (%s)", work.case, work.data.event, obstacles[0].code)
    work.unit.create(_communication(work, record, notice, obstacles[0].code if obstacles else None))
    return Message()


async def _answer(work: Work[NotifyInput], record: CaseRecord) -> tuple[Resource, int]:
    """The current answer and the number of its version."""
    response = await work.unit.read(record.response)
    requested = [name for each in response.get("communicationRequest", []) if (name := fhir.reference(each))]
    bundle, *requests = await work.unit.read_many([record.bundle, *requested])
    others = [each for each in requests if each]
    base = work.to.settings.fhir_base
    answer = response_bundle(record.subject, response, bundle or {}, base, work.envelope.at, others)
    return answer, int(response["meta"]["versionId"])


async def _obstacle(
    work: Work[NotifyInput], subscription: Resource, answer: Resource, version: int, notice: str
) -> WorkflowError | None:
    """Tell the endpoint. What kept it from being told: ``Unavailable`` may pass, anything else does not."""
    name, base = fhir.name(subscription), work.to.settings.fhir_base
    body = notification(name, version, work.envelope.at, answer, base, notice)
    channel = subscription["channel"]
    hook = Hook(endpoint=channel["endpoint"], headers=tuple(channel.get("header", [])))
    try:
        await work.to.notifier.deliver(hook, body, notice)
    except (Rejected, Unavailable) as error:
        return error
    return None


def _communication(work: Work[NotifyInput], record: CaseRecord, notice: str, obstacle: str | None) -> Resource:
    return fhir.strip_empty(
        {
            "resourceType": "Communication",
            "id": notice,
            "status": "not-done" if obstacle else "completed",
            "statusReason": fhir.concept(ENGINE + "notice-reason", obstacle) if obstacle else None,
            "category": [fhir.concept("http://terminology.hl7.org/CodeSystem/communication-category", "notification")],
            "about": [{"reference": record.response}, {"reference": record.reference}],
            "subject": {"reference": record.patient} if record.patient else None,
            "sent": fhir.instant(work.envelope.at),
            "recipient": [{"identifier": {"system": ORGANIZATION, "value": record.submitter}}],
            "reasonCode": [fhir.concept(ENGINE + "notice", work.data.event)],
        }
    )
