"""A record that nobody of ours wrote hides no other: from the lists, from the page and from the sweep."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.fhir.base import Entry
from domain import fhir
from domain.cases import CaseState
from domain.codes import TASK_CODE
from domain.review import REVIEW_STATE
from host.model import Status
from tests.support.crashes import crash_before
from tests.support.samples import attachment, request
from tests.support.world import NURSE, OPERATOR, SUBMITTER, World, case_of, world

AUTOMATIC, REVIEWED = request("approved-at-once"), request("denied-by-medical-director")
LOW = {"valueQuantity": {"value": 84, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}


async def _litter(app: World) -> None:
    """Leave a Task of each of our codes that lacks what we write."""
    for code in ("prior-authorization", "appeal", "clinical-review", "appeal-review"):
        await _left(app, f"odd-{code}", code=fhir.concept(TASK_CODE, code))
    decided = {"businessStatus": fhir.concept(REVIEW_STATE, "decided"), "status": "completed"}
    await _left(app, "odd-decided", code=fhir.concept(TASK_CODE, "clinical-review"), **decided)
    orphan = {"partOf": [{"reference": "Task/odd-appeal"}], **decided}
    await _left(app, "odd-orphan", code=fhir.concept(TASK_CODE, "clinical-review"), **orphan)


async def _left(app: World, id_: str, **elements: Any) -> None:
    task = {"resourceType": "Task", "id": id_, "status": "requested", "intent": "order", **elements}
    await app.fhir.transaction([Entry("PUT", f"Task/{id_}", task)])


@pytest.fixture
async def swept() -> AsyncIterator[World]:
    """The app with its timers."""
    async with world(timers=True, answer_seconds=0.2) as running:
        yield running


async def test_the_lists_and_the_page_leave_it_out(door: World, caplog: pytest.LogCaptureFixture) -> None:
    await _litter(door)
    case = case_of(REVIEWED)
    await door.submit(REVIEWED)
    await door.settle()
    tasks = await door.send("GET", "/tasks", who=NURSE)
    cases = await door.send("GET", "/cases", who=OPERATOR)
    assert [one["case"] for one in tasks.json["items"]] == [case]
    assert [one["id"] for one in cases.json["items"]] == [case]
    assert "Task/odd-clinical-review is not as the engine writes it (KeyError) and is left out" in caplog.messages
    page = await door.send("GET", "/review", who=NURSE)
    assert page.status == 200
    assert await door.task(case) in page.text
    assert "odd-" not in page.text


async def test_the_sweep_goes_on_to_the_next(swept: World) -> None:
    await _litter(swept)
    with crash_before("start"):
        await swept.submit(AUTOMATIC)
    await swept.submit(REVIEWED)
    with crash_before("raise_event"):
        await swept.decide(case_of(REVIEWED), {"decision": "approve"})
    await swept.advance(minutes=3)
    assert (await swept.status(case_of(AUTOMATIC))).status is Status.COMPLETED
    assert (await swept.record(case_of(REVIEWED))).state is CaseState.APPROVED


async def test_a_question_that_is_gone_keeps_no_other_answer_back(
    swept: World, caplog: pytest.LogCaptureFixture
) -> None:
    lost, other = (request("information-requested", number=number) for number in ("lost", "other"))
    for bundle in (lost, other):
        await swept.submit(bundle)
        await swept.settle()
    await swept.fhir.transaction([Entry("DELETE", f"Task/{await swept.task(case_of(lost))}")])
    sent = attachment((await swept.record(case_of(other))).tracking_number, "59408-5", LOW)
    with crash_before("raise_event"):
        assert (await swept.send("POST", "/fhir/$submit-attachment", sent, who=SUBMITTER)).status == 200
    await swept.advance(minutes=3)
    assert (await swept.record(case_of(other))).state is not CaseState.INFORMATION_REQUESTED
    told = f"case {case_of(lost)} waits for the answer to a Task that the FHIR server does not have"
    assert told in caplog.messages
