"""A member's coverage ends, or changes, while a person is awaited."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.fhir.base import Entry
from domain.cases import CaseState
from domain.load import REVIEW_LOAD
from host.model import Status
from tests.support.samples import attachment, request
from tests.support.world import DIRECTOR, OPERATOR, SUBMITTER, World, case_of

REVIEWED, ASKED = request("denied-by-medical-director"), request("information-requested")
DENY = {"decision": "deny", "reason": "criteria-not-met"}
VALUE = {"valueQuantity": {"value": 84, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}


async def waiting(app: World, bundle: dict[str, Any]) -> tuple[str, str]:
    """A case that waits, and the id of its open task."""
    await app.submit(bundle)
    await app.settle()
    return case_of(bundle), await app.task(case_of(bundle))


async def change(app: World, case: str, **period: str) -> None:
    """The membership system changes the Coverage of the case's member."""
    patient = (await app.record(case)).patient
    for coverage in await app.all("Coverage", beneficiary=str(patient)):
        changed = {**coverage, "period": {"start": "2000-01-01", **period}}
        await app.fhir.transaction([Entry("PUT", f"Coverage/{coverage['id']}", changed)])


async def tell(app: World, case: str, task: str) -> None:
    await app.host.durable.raise_event(case, f"eligibility-changed:{task}", {"task": task})
    await app.settle()


@pytest.mark.parametrize("bundle", [REVIEWED, ASKED], ids=["in-review", "asked"])
async def test_a_coverage_that_ended_ends_the_case(app: World, bundle: dict[str, Any]) -> None:
    case, task = await waiting(app, bundle)
    await change(app, case, end="2025-12-31")
    await tell(app, case, task)
    assert (await app.status(case)).status is Status.COMPLETED
    assert (await app.record(case)).state is CaseState.INELIGIBLE
    response = await app.response(case)
    assert response["outcome"] == "error"
    assert response["error"][0]["code"]["coding"][0]["code"] == "95"
    closed = await app.fhir.read(f"Task/{task}")
    assert closed["status"] == "cancelled"
    assert (await app.notices(case))[-1] == "decided"
    queues = (await app.send("GET", "/queues", who=OPERATOR)).text
    assert task not in queues
    assert task not in str(await app.instances.entity(REVIEW_LOAD, "clinical-review"))


async def test_who_reviews_it_is_told_that_it_is_over(app: World) -> None:
    case, task = await waiting(app, REVIEWED)
    await change(app, case, end="2025-12-31")
    await tell(app, case, task)
    reply = await app.send("POST", f"/tasks/{task}/decision", DENY, who=DIRECTOR)
    assert (reply.status, reply.code) == (409, "finished")


async def test_a_coverage_that_goes_on_changes_nothing(app: World) -> None:
    case, task = await waiting(app, REVIEWED)
    await change(app, case, end="2030-12-31")
    for _ in range(3):
        await tell(app, case, task)
    await app.advance(days=6)
    await tell(app, case, task)
    assert (await app.custom(case))["waitingFor"] == "reviewer"
    assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
    assert (await app.record(case)).state is CaseState.DENIED
    assert max(app.races) > 3


async def test_of_a_decision_and_an_end_at_one_moment_the_stored_decision_stands(app: World) -> None:
    case, task = await waiting(app, REVIEWED)
    await change(app, case, end="2025-12-31")
    await app.host.durable.hub.suspend(case)
    await app.host.durable.raise_event(case, f"eligibility-changed:{task}", {"task": task})
    assert (await app.send("POST", f"/tasks/{task}/decision", DENY, who=DIRECTOR)).status == 200
    await app.host.durable.hub.resume(case)
    await app.settle()
    assert (await app.status(case)).status is Status.COMPLETED
    assert (await app.record(case)).state is CaseState.DENIED


async def test_what_is_sent_at_the_moment_of_the_end_is_not_assessed(app: World) -> None:
    case, task = await waiting(app, ASKED)
    await change(app, case, end="2025-12-31")
    tracking = (await app.record(case)).tracking_number
    await app.host.durable.hub.suspend(case)
    await app.host.durable.raise_event(case, f"eligibility-changed:{task}", {"task": task})
    sent = attachment(tracking, "59408-5", VALUE)
    assert (await app.send("POST", "/fhir/$submit-attachment", sent, who=SUBMITTER)).status == 200
    await app.host.durable.hub.resume(case)
    await app.settle()
    assert (await app.record(case)).state is CaseState.INELIGIBLE
    assert (await app.fhir.read(f"Task/{task}"))["status"] == "completed"


async def test_rules_that_are_away_hold_no_decision_up(app: World) -> None:
    case, task = await waiting(app, REVIEWED)
    await change(app, case, end="2025-12-31")
    app.rules.available = False
    await tell(app, case, task)
    assert (await app.custom(case))["waitingFor"] == "reviewer"
    assert (await app.decide(case, DENY, who=DIRECTOR)).status == 200
    assert (await app.record(case)).state is CaseState.DENIED
    assert (await app.status(case)).status is Status.COMPLETED


async def test_rules_that_come_back_end_the_case(app: World) -> None:
    case, task = await waiting(app, REVIEWED)
    await change(app, case, end="2025-12-31")
    app.rules.available = False
    await tell(app, case, task)
    app.rules.available = True
    await app.advance(minutes=15)
    assert (await app.record(case)).state is CaseState.INELIGIBLE
