"""``eligibility.changes``: a member's Coverage changed. What waits for a person is judged again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

import azure.durable_functions as df

from adapters.connections import Connections
from domain import fhir
from domain.cases import CaseRecord, read_case
from domain.codes import TASK_CODE, TaskCode
from domain.errors import NotFound, Unavailable
from domain.events.catalog import COVERAGE_CHANGED, Topic
from domain.events.data import CoverageChanged
from domain.json import Resource
from domain.principal import Role
from triggers.consumer import consumer
from triggers.deliver import handles
from triggers.event import Event, Kind, Outcome
from triggers.instances import PEOPLE, Instances, Standing
from triggers.readable import readable

LOG: Final = logging.getLogger("workflow.triggers")
FIRST: Final = f"{TASK_CODE}|{TaskCode.PRIOR_AUTHORIZATION}"
OPEN: Final = "requested,in-progress,on-hold"
blueprint = df.Blueprint()
consumer(blueprint, Topic.COVERAGE)


@handles(COVERAGE_CHANGED)
async def coverage_changed(event: Event) -> Outcome:
    """Raise ``eligibility-changed:<task id>`` to each open case of the member that waits at a human task.

    A case on its way to the next wait may have read the Coverage before or after: none is told, and the event is tried
    again in a moment (``Unavailable('case-busy')``). One that is parked or suspended is named in the log, for its
    operator. Telling a case twice does no harm: it looks at what is. Raises ``NotFound('reference')`` without such a
    Coverage.
    """
    event.principal().require(Role.MEMBERSHIP)
    data: CoverageChanged = event.data
    patient = await _beneficiary(event.to, data.coverage)
    waiting = await _waiting(event.instances, await _open_cases(event.to, patient))
    if not waiting:
        return Outcome(Kind.IGNORED)
    for standing in waiting if not event.dry else ():
        task = str(standing.custom["task"]).removeprefix("Task/")
        await event.instances.raise_event(standing.id, f"eligibility-changed:{task}", {"task": task})
    return Outcome(Kind.RAISED, waiting[0].id if len(waiting) == 1 else None)


async def _beneficiary(to: Connections, coverage: str) -> str:
    (found,) = await to.fhir.read_many([coverage])
    patient = fhir.reference((found or {}).get("beneficiary"))
    if patient is None:
        raise NotFound("reference", "there is no Coverage of this id with a beneficiary")
    return patient


async def _open_cases(to: Connections, patient: str) -> list[CaseRecord]:
    """Open cases whose member is ``patient``. The record of a case names one Coverage; its member may have more. Not
    appeals: the person who decides one looks at what was decided, as it was then."""
    page = await to.fhir.search("Task", {"patient": patient, "code": FIRST, "status": OPEN})
    tasks: list[Resource] = list(page.matches)
    while page.next is not None:
        page = await to.fhir.next_page(page.next)
        tasks += page.matches
    return [record for task in tasks if (record := readable(read_case, task))]


async def _waiting(instances: Instances, records: Sequence[CaseRecord]) -> list[Standing]:
    """Those that wait at a human task. Raises ``Unavailable('case-busy')`` while one runs."""
    waiting = []
    for record in records:
        standing = await instances.find(record.id)
        if standing is None or not (standing.open or standing.parked):
            continue  # not started, and judges when it starts; or ended, and its record is about to say so
        if standing.open and standing.waiting_for in PEOPLE and standing.custom.get("task"):
            waiting.append(standing)
        elif standing.parked or standing.runtime == "Suspended":
            LOG.warning("case %s is held up: its member's coverage changed meanwhile", record.id)
        else:
            raise Unavailable("case-busy", f"case {record.id} is between two waits")
    return waiting
