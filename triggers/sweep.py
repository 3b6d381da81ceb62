"""Timers that close the gaps which a crash leaves between FHIR and durable, and audit that every open case is alive.

FHIR is written first, then an instance is started or an event raised; a crash in between leaves a record whose durable
half is missing. Both timers are level-triggered: they look at what is, and may run any number of times.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final

import azure.durable_functions as df
import azure.functions as func

from adapters.connections import Connections, connections
from domain import fhir as elements
from domain import review
from domain.cases import RECORD_CODES, CaseRecord, CaseState, read_case
from domain.codes import CASE_STATE
from domain.errors import NotFound, Unavailable
from domain.json import Resource
from domain.load import QUEUES, REVIEW_LOAD
from triggers.instances import Instances
from triggers.lost_letters import restore_letters
from triggers.open_letters import open_letters
from triggers.readable import readable

LOG: Final = logging.getLogger("workflow.sweep")
SWEEP_SCHEDULE: Final = "0 * * * * *"
OPEN: Final = "requested,in-progress,on-hold"
EXPIRED: Final = ",".join(f"{CASE_STATE}|{state}" for state in (CaseState.DEEMED, CaseState.OVERDUE))
WAITING: Final = f"{CASE_STATE}|{CaseState.INFORMATION_REQUESTED},{EXPIRED}"
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
        await tell_superseded(to, instances)
    except Unavailable as error:  # the adapter has told; the next minute tries again
        LOG.info("the sweep waits for %s", error.code)


@blueprint.timer_trigger(schedule="0 0 3 * * *", arg_name="timer")
@blueprint.durable_client_input(client_name="client")
async def audit_cases(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Every night: each open case must have a live instance and a deadline; the load of the queues is counted anew;
    open dead letters are told of."""
    to, instances = connections(), Instances(client)
    for case, finding in await findings(to, instances):
        LOG.error("case %s: %s; see docs/prior-authorization.md, Parked cases", case, finding)
    await count_load(to, instances)
    await tell_of_letters(to, instances)


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
    return await _tell(
        to, instances, "decided", {"code": review.REVIEW_CODES, "business-status": review.DECIDED_STATUS}
    )


async def tell_informed(to: Connections, instances: Instances) -> int:
    """Raise answers to requests for information that a waiting case was not told of."""
    told = 0
    async for record in _records(to, {"business-status": WAITING}, before=_grace(to)):
        standing = await instances.find(record.id)
        if standing is None or standing.waiting_for != "provider" or not standing.custom.get("task"):
            continue
        (task,) = await to.fhir.read_many([str(standing.custom["task"])])
        if task is None:
            LOG.error("case %s waits for the answer to a Task that the FHIR server does not have", record.id)
        elif task["status"] == "completed":
            told += await _raised(instances, record, "informed", task)
    return told


async def tell_superseded(to: Connections, instances: Instances) -> int:
    """End instances of cases that an appeal took over and that were not told."""
    told = 0
    async for record in _records(to, {"business-status": EXPIRED, "status": OPEN}, before=_grace(to)):
        if record.superseded_by:
            told += await instances.withdraw(record.id)
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


async def count_load(to: Connections, instances: Instances) -> None:
    """Rebuild the entity of each queue from the open reviews."""
    queues: dict[str, dict[str, str | None]] = {queue: {} for queue in QUEUES}
    async for task in _tasks(to, {"code": review.REVIEW_CODES, "status": "requested,in-progress"}):
        queues.setdefault(review.queue(task), {})[task["id"]] = review.owner(task)
    for queue, tasks in queues.items():
        await instances.signal(REVIEW_LOAD, queue, "rebuild", {"tasks": tasks})


async def tell_of_letters(to: Connections, instances: Instances) -> None:
    """One line in the log while dead letters are open: how many of which topic. Lost ones are written again before."""
    try:
        await restore_letters(to, instances)
        letters = Counter(letter.topic for letter in await open_letters(to))
    except Unavailable:  # the adapter has told
        return
    if letters:
        counts = ", ".join(f"{topic} {count}" for topic, count in sorted(letters.items()))
        LOG.warning("dead letters are open: %s; see docs/events.md, Dead letters", counts)


async def _tell(to: Connections, instances: Instances, event: str, query: dict[str, str]) -> int:
    told = 0
    async for task in _tasks(to, {**query, "_lastUpdated": f"lt{_grace(to).isoformat()}"}):
        reference = readable(_part_of, task)
        (parent,) = await to.fhir.read_many([reference or ""])
        if record := parent and readable(read_case, parent):
            told += await _raised(instances, record, event, task)
    return told


async def _raised(instances: Instances, record: CaseRecord, event: str, task: Resource) -> bool:
    try:
        await instances.raise_event(record.id, f"{event}:{task['id']}", {"task": task["id"]})
    except NotFound:  # the nightly audit tells of it; the others are not to wait for it
        return False
    return True


def _part_of(task: Resource) -> str:
    return str(elements.reference(task["partOf"][0]))


async def _records(to: Connections, wanted: dict[str, str], *, before: datetime) -> AsyncIterator[CaseRecord]:
    query = {"code": RECORD_CODES, **wanted, "_lastUpdated": f"lt{before.isoformat()}"}
    async for task in _tasks(to, query):
        if record := readable(read_case, task):
            yield record


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
