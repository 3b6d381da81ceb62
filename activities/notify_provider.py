"""*notify-provider*: the current answer to every endpoint that the submitter subscribed, and a Communication of it."""

from __future__ import annotations

from activities.records import read_record
from activities.step import Work, step
from adapters.notifications.base import Hook
from domain import fhir
from domain.case import resource_id
from domain.cases import CaseRecord
from domain.codes import ENGINE, ORGANIZATION, PAS_TOPIC
from domain.envelope import Message
from domain.errors import Forbidden
from domain.json import Resource
from domain.messages import NotifyInput
from domain.pas.notification import notification
from domain.pas.response_bundle import response_bundle
from domain.pas.subscription import subscribes


@step(NotifyInput)
async def notify_provider(work: Work[NotifyInput]) -> Message:
    """Keyed by the case, the event and its key: receivers get the same idempotency key with every try, and none once
    the Communication says that they were told."""
    record = await read_record(work)
    notice = resource_id(work.case, f"notice:{work.data.event}:{work.data.key}")
    (told_before,) = await work.unit.read_many([f"Communication/{notice}"])
    if told_before is not None:
        return Message()
    active = await work.unit.search("Subscription", {"status": "active", "criteria": PAS_TOPIC})
    hooks = [each for each in active if subscribes(each, record.submitter)]
    allowed = True
    if hooks:
        answer, version = await _answer(work, record)
        told = [await _deliver(work, each, answer, version, notice) for each in hooks]
        allowed = all(told)
    work.unit.create(_communication(work, record, notice, allowed=allowed))
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


async def _deliver(
    work: Work[NotifyInput], subscription: Resource, answer: Resource, version: int, notice: str
) -> bool:
    """Whether the endpoint was told; ``False`` when notifications may not go to its host, which no retry changes."""
    name, base = fhir.name(subscription), work.to.settings.fhir_base
    body = notification(name, version, work.envelope.at, answer, base, notice)
    channel = subscription["channel"]
    hook = Hook(endpoint=channel["endpoint"], headers=tuple(channel.get("header", [])))
    try:
        await work.to.notifier.deliver(hook, body, notice)
    except Forbidden:
        return False
    return True


def _communication(work: Work[NotifyInput], record: CaseRecord, notice: str, *, allowed: bool) -> Resource:
    return fhir.strip_empty(
        {
            "resourceType": "Communication",
            "id": notice,
            "status": "completed" if allowed else "not-done",
            "statusReason": None if allowed else fhir.concept(ENGINE + "notice-reason", "hook-host"),
            "category": [fhir.concept("http://terminology.hl7.org/CodeSystem/communication-category", "notification")],
            "about": [{"reference": record.response}, {"reference": record.reference}],
            "subject": {"reference": record.patient} if record.patient else None,
            "sent": fhir.instant(work.envelope.at),
            "recipient": [{"identifier": {"system": ORGANIZATION, "value": record.submitter}}],
            "reasonCode": [fhir.concept(ENGINE + "notice", work.data.event)],
        }
    )
