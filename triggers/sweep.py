"""Timers that close the gaps which a crash leaves between FHIR and durable, and audit that every open case is alive.

FHIR is written first, then an instance is started or an event raised; a crash in between leaves a record whose durable
half is missing. Both timers are level-triggered: they look at what is, and may run any number of times.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final

import azure.durable_functions as df
import azure.functions as func

from adapters.connections import Connections, connections
from domain import fhir as elements
from domain.cases import CaseRecord, CaseState, read_case
from domain.codes import CASE_STATE, TASK_CODE, TaskCode
from domain.errors import NotFound, Unavailable
from domain.json import Resource
from domain.review import REVIEW_STATE
from triggers.instances import Instances

LOG: Final = logging.getLogger("workflow.sweep")
SWEEP_SCHEDULE: Final = "0 * * * * *"
RECORDS: Final = f"{TASK_CODE}|{TaskCode.PRIOR_AUTHORIZATION},{TASK_CODE}|{TaskCode.APPEAL}"
REVIEWS: Final = f"{TASK_CODE}|{TaskCode.CLINICAL_REVIEW},{TASK_CODE}|{TaskCode.APPEAL_REVIEW}"
OPEN: Final = "requested,in-progress,on-hold"
WAITING: Final = f"{CASE_STATE}|{CaseState.INFORMATION_REQUESTED},{CASE_STATE}|{CaseState.DEEMED}"
"""States in which a case may wait for its provider."""
blueprint = df.Blueprint()


@blueprint.timer_trigger(schedule=SWEEP_SCHEDULE, arg_name="timer", run_on_startup=True)
@blueprint.durable_client_input(client_name="client")
async def sweep(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Every minute: start what was received and never started; raise what was decided or sent and never told."""
    to, instances = connections(), Instances(client)
    try:
        await start_received(to, instances)
        await tell_decided(to, instances)
        await tell_informed(to, instances)
    except Unavailable as error:  # the adapter has told; the next minute tries again
        LOG.info("the sweep waits for %s", error.code)


@blueprint.timer_trigger(schedule="0 0 3 * * *", arg_name="timer")
@blueprint.durable_client_input(client_name="client")
async def audit_cases(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Every night: each open case must have a live instance and a deadline."""
    for case, finding in await findings(connections(), Instances(client)):
        LOG.error("case %s: %s; see docs/prior-authorization.md, Parked cases", case, finding)


async def start_received(to: Connections, instances: Instances) -> int:
    """Start cases whose record stands as received for longer than the grace period. Returns how many."""
    started = 0
    async for record in _records(to, {"status": "requested"}, before=_grace(to)):
        if await instances.start(_workflow(record), record.id, record.reference):
            started += 1
            LOG.warning("case %s was received and not started; it is started now", record.id)
    return started


async def tell_decided(to: Connections, instances: Instances) -> int:
    """Raise decisions whose review Task stands as decided for longer than the grace period."""
    return await _tell(to, instances, "decided", {"code": REVIEWS, "business-status": f"{REVIEW_STATE}|decided"})


async def tell_informed(to: Connections, instances: Instances) -> int:
    """Raise answers to requests for information that a waiting case was not told of."""
    told = 0
    async for record in _records(to, {"business-status": WAITING}, before=_grace(to)):
        standing = await instances.find(record.id)
        if standing is None or standing.waiting_for != "provider" or not standing.custom.get("task"):
            continue
        task = await to.fhir.read(str(standing.custom["task"]))
        if task["status"] == "completed":
            await instances.raise_event(record.id, f"informed:{task['id']}", {"task": task["id"]})
            told += 1
    return told


async def findings(to: Connections, instances: Instances) -> list[tuple[str, str]]:
    """What is wrong with open cases: (instance id, sentence)."""
    found = []
    async for record in _records(to, {"status": OPEN}, before=_grace(to)):
        standing = await instances.find(record.id)
        if standing is None or not standing.open:
            found.append((record.id, "is open and has no live instance"))
        elif standing.parked:
            found.append((record.id, "is parked and waits for an operator"))
        elif not standing.custom.get("due"):
            found.append((record.id, "is open and has no deadline"))
    return found


async def _tell(to: Connections, instances: Instances, event: str, query: dict[str, str]) -> int:
    told = 0
    async for task in _tasks(to, {**query, "_lastUpdated": f"lt{_grace(to).isoformat()}"}):
        record = read_case(await to.fhir.read(str(elements.reference(task["partOf"][0]))))
        try:
            await instances.raise_event(record.id, f"{event}:{task['id']}", {"task": task["id"]})
        except NotFound:  # the nightly audit tells of it; the others are not to wait for it
            continue
        told += 1
    return told


async def _records(to: Connections, wanted: dict[str, str], *, before: datetime) -> AsyncIterator[CaseRecord]:
    query = {"code": RECORDS, **wanted, "_lastUpdated": f"lt{before.isoformat()}"}
    async for task in _tasks(to, query):
        yield read_case(task)


async def _tasks(to: Connections, query: dict[str, str]) -> AsyncIterator[Resource]:
    page = await to.fhir.search("Task", query)
    while True:
        for task in page.matches:
            yield task
        if page.next is None:
            return
        page = await to.fhir.next_page(page.next)


def _grace(to: Connections) -> datetime:
    return to.now() - timedelta(seconds=to.settings.sweep_grace_seconds)


def _workflow(record: CaseRecord) -> str:
    return "appeal" if record.appeals else "prior-authorization"
