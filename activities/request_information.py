"""*request-information*: a pended answer that names what is missing, and the Task that the provider answers."""

from __future__ import annotations

from datetime import timedelta

from activities.records import change_record, read_record, unless_deemed
from activities.step import Work, step
from domain.cases import CaseState
from domain.information import information_task
from domain.messages import RequestInformationInput, TaskOpened
from domain.pas.response import claim_response, communication_request, pended


@step(RequestInformationInput)
async def request_information(work: Work[RequestInformationInput]) -> TaskOpened:
    """Keyed by the case and the round."""
    data, at = work.data, work.envelope.at
    record = await read_record(work)
    claim = await work.unit.read(record.claim)
    due = at + timedelta(hours=data.policy.information_hours)
    missing = [(m.sequence, m.code) for m in data.missing]
    task = information_task(record, data.round, missing, asked=at, due=due, url=work.to.settings.fhir_base)
    requests = [communication_request(work.case, data.round, m.sequence, m.code, claim) for m in data.missing]
    items = pended(claim, record.tracking_number)
    response = claim_response(record.subject, claim, items, created=at, requests=requests)
    for resource in (task, *requests, response):
        work.unit.update(resource)
    await change_record(work, state=unless_deemed(record, CaseState.INFORMATION_REQUESTED))
    return TaskOpened(task=f"Task/{task['id']}", due=due)
