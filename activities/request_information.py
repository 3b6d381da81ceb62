"""*request-information*: a pended answer that names what is missing, and the Task that the provider answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from activities.records import change_record, read_record, unless_expired
from activities.step import Work, step
from domain import fhir
from domain.cases import CaseRecord, CaseState
from domain.information import information_task
from domain.json import Resource
from domain.messages import RequestInformationInput, TaskOpened
from domain.pas.response import claim_response, communication_request, pended


@step(RequestInformationInput)
async def request_information(work: Work[RequestInformationInput]) -> TaskOpened:
    """Keyed by the case and the round: a Task that was sent already, or answered since, is left as it is. None is
    sent once an appeal took the case over."""
    data, at = work.data, work.envelope.at
    record = await read_record(work)
    due = at + timedelta(hours=data.policy.information_hours)
    missing = [(m.sequence, m.code) for m in data.missing]
    task = information_task(record, data.round, missing, asked=at, due=due, url=work.to.settings.fhir_base)
    reference = f"Task/{task['id']}"
    if record.superseded_by:
        return TaskOpened(task=reference, superseded=True)
    existing, claim = await work.unit.read_many([reference, record.claim])
    if existing is not None:
        return TaskOpened(task=reference, due=fhir.parse_instant(existing["restriction"]["period"]["end"]))
    await _ask(work, record, claim or {}, task)
    return TaskOpened(task=reference, due=due)


async def _ask(work: Work[RequestInformationInput], record: CaseRecord, claim: Resource, task: Resource) -> None:
    data = work.data
    requests = [communication_request(work.case, data.round, m.sequence, m.code, claim) for m in data.missing]
    response = await _response(work, record, claim, requests)
    work.unit.create(task)
    for resource in (*requests, response):
        work.unit.update(resource)
    await change_record(work, record, state=unless_expired(record, CaseState.INFORMATION_REQUESTED))


async def _response(
    work: Work[RequestInformationInput], record: CaseRecord, claim: Resource, requests: Sequence[Resource]
) -> Resource:
    """The pended answer with the questions. An answer that is appealed stands: questions are added to it alone."""
    if record.appeals:
        answer = await work.unit.read(record.response)
        return {**answer, "communicationRequest": [fhir.refer(each) for each in requests]}
    items = pended(claim, record.tracking_number)
    return claim_response(record.subject, claim, items, created=work.envelope.at, requests=requests)
