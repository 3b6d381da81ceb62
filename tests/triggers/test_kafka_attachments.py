"""Attachments that come as events: as by HTTP, once an event, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.events.base import Record
from adapters.fhir.base import Entry
from domain.cases import CaseState
from domain.errors import Conflict, Forbidden, Malformed, NotFound, TooLarge, Unavailable, WorkflowError
from domain.events.catalog import ATTACHMENT
from domain.events.cloud_event import header
from domain.events.mark import EVENT
from tests.support.incoming import (
    CLEARING,
    LAKESIDE,
    MEMBERSHIP,
    PORTAL,
    REVIEWER,
    attachment_record,
    come,
    everything,
    listening,
    put,
    put_binary,
)
from tests.support.samples import attachment, request
from tests.support.world import NURSE, SUBMITTER, World, case_of
from triggers.event import Kind, Outcome

BUNDLE = request("information-requested")
CASE = case_of(BUNDLE)
VALUE = {"valueQuantity": {"value": 84, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}
ASK = {"decision": "request-information", "information": ["59408-5"]}


@pytest.fixture
async def app() -> AsyncIterator[World]:
    """A world whose one case waits for information."""
    async with listening() as running:
        await running.submit(BUNDLE)
        await running.settle()
        yield running


async def sent(app: World) -> dict[str, Any]:
    """What was asked for."""
    return attachment((await app.record(CASE)).tracking_number, "59408-5", VALUE)


async def refused(app: World, record: Record, error: type[WorkflowError], code: str, *, dry: bool = False) -> None:
    """The record is refused, and nothing is written for it."""
    before = await everything(app)
    with pytest.raises(error) as raised:
        await come(app, record, dry=dry)
    assert raised.value.code == code
    assert await everything(app) == before


async def test_the_case_goes_on_with_what_was_sent(app: World) -> None:
    task = await app.task(CASE)
    assert await come(app, await attachment_record(app, await sent(app))) == Outcome(Kind.RAISED, CASE)
    record = await app.record(CASE)
    assert record.state is CaseState.APPROVED
    answered = await app.fhir.read(f"Task/{task}")
    assert answered["status"] == "completed"
    assert [each["system"] for each in answered["identifier"]].count(EVENT) == 1
    assert len(await app.all("Observation", code="http://loinc.org|59408-5")) == 1


async def test_the_mark_of_an_event_does_not_say_its_source_or_id(app: World) -> None:
    record = await attachment_record(app, await sent(app))
    task = await app.task(CASE)
    await come(app, record)
    said = str((await app.fhir.read(f"Task/{task}"))["identifier"])
    assert PORTAL not in said
    assert str(header(record.headers, "ce_id")) not in said


async def test_an_event_that_comes_again_is_known(app: World) -> None:
    record = await attachment_record(app, await sent(app))
    await come(app, record)
    before = await everything(app)
    assert await come(app, record) == Outcome(Kind.EXISTS, CASE)
    assert await come(app, record, dry=True) == Outcome(Kind.EXISTS, CASE)
    assert await everything(app) == before


async def test_an_event_that_comes_again_does_not_answer_the_next_question(app: World) -> None:
    """The first answer shows that a criterion is unmet; a reviewer asks once more."""
    low = {"valueQuantity": {**VALUE["valueQuantity"], "value": 99}}
    first = await attachment_record(app, attachment((await app.record(CASE)).tracking_number, "59408-5", low))
    await come(app, first)
    assert (await app.custom(CASE))["waitingFor"] == "reviewer"
    await app.decide(CASE, ASK)
    question = await app.task(CASE)
    assert (await app.custom(CASE))["waitingFor"] == "provider"
    assert await come(app, first) == Outcome(Kind.EXISTS, CASE)
    assert (await app.fhir.read(f"Task/{question}"))["status"] == "requested"
    second = await attachment_record(app, await sent(app))
    assert await come(app, second) == Outcome(Kind.RAISED, CASE)
    assert (await app.fhir.read(f"Task/{question}"))["status"] == "completed"


async def test_another_event_with_nothing_asked(app: World) -> None:
    await come(app, await attachment_record(app, await sent(app)))
    await refused(app, await attachment_record(app, await sent(app)), Conflict, "nothing-asked")


async def test_http_was_quicker(app: World) -> None:
    record = await attachment_record(app, await sent(app))
    assert (await app.send("POST", "/fhir/$submit-attachment", await sent(app), who=SUBMITTER)).status == 200
    await app.settle()
    await refused(app, record, Conflict, "nothing-asked")


async def test_copies_at_the_same_moment_act_once(app: World) -> None:
    record = await attachment_record(app, await sent(app))
    tries = await asyncio.gather(*(come(app, record) for _ in range(4)), return_exceptions=True)
    outcomes = [each for each in tries if isinstance(each, Outcome)]
    assert {each.kind for each in outcomes} <= {Kind.RAISED, Kind.EXISTS}
    assert [each.kind for each in outcomes].count(Kind.RAISED) == 1
    assert all(isinstance(each, Unavailable) for each in tries if not isinstance(each, Outcome))
    assert (await app.record(CASE)).state is CaseState.APPROVED


async def test_a_record_that_changes_at_the_same_moment_is_read_anew(
    app: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def raced(entries: list[Entry]) -> list[Any]:
        raise Conflict("stale")

    record = await attachment_record(app, await sent(app))
    with monkeypatch.context() as race:
        race.setattr(app.fhir, "transaction", raced)
        with pytest.raises(Unavailable, match="changed"):
            await come(app, record)
    assert await come(app, record) == Outcome(Kind.RAISED, CASE)


async def test_a_dry_run_checks_all_and_writes_nothing(app: World) -> None:
    good = await attachment_record(app, await sent(app))
    bad = await attachment_record(app, {**(await sent(app)), "parameter": []})
    unknown = await attachment_record(app, attachment("PA00000000000000", "59408-5", VALUE))
    before = await everything(app)
    assert await come(app, good, dry=True) == Outcome(Kind.RAISED, CASE)
    assert await everything(app) == before
    assert (await app.custom(CASE))["waitingFor"] == "provider"
    await refused(app, bad, Malformed, "malformed", dry=True)
    await refused(app, unknown, NotFound, "case", dry=True)


async def test_a_case_of_another_organization_is_not_found(app: World) -> None:
    theirs = await attachment_record(app, await sent(app), source=CLEARING, organization="hillview-supply")
    await refused(app, theirs, NotFound, "case")


@pytest.mark.parametrize(
    ("source", "organization", "code"),
    [
        ("urn:example:source:nobody", LAKESIDE, "unknown-source"),
        (PORTAL, "hillview-supply", "organization"),
        (MEMBERSHIP, LAKESIDE, "organization"),
        (REVIEWER, LAKESIDE, "organization"),
    ],
)
async def test_who_may_not_send(app: World, source: str, organization: str, code: str) -> None:
    record = await attachment_record(app, await sent(app), source=source, organization=organization)
    await refused(app, record, Forbidden, code)


async def test_what_another_organization_put_there_is_not_found(app: World) -> None:
    theirs = await put_binary(app.fhir, await sent(app), "Organization/hillview-supply")
    for binary in (theirs, "Binary/nowhere"):
        record = put(app, ATTACHMENT, PORTAL, {"organization": LAKESIDE, "attachment": binary})
        await refused(app, record, NotFound, "reference")


@pytest.mark.parametrize(
    ("body", "error", "code"),
    [
        (b"{", Malformed, "not-json"),
        (b"\x00\xff", Malformed, "not-json"),
        (b"[]", Malformed, "not-parameters"),
        (b"[" * 100_000, TooLarge, "depth"),
        ({"resourceType": "Parameters", "parameter": 5}, Malformed, "malformed"),
        ({"resourceType": "Parameters", "parameter": [{"name": "TrackingId"}]}, Malformed, "malformed"),
    ],
)
async def test_hostile_content(app: World, body: object, error: type[WorkflowError], code: str) -> None:
    await refused(app, await attachment_record(app, body), error, code)


async def test_a_case_that_a_reviewer_has_does_not_wait_for_it() -> None:
    async with listening() as app:
        bundle = request("pended-then-approved")
        await app.submit(bundle)
        await app.settle()
        number = (await app.record(case_of(bundle))).tracking_number
        await refused(
            app, await attachment_record(app, attachment(number, "59408-5", VALUE)), Conflict, "nothing-asked"
        )
        assert (await app.decide(case_of(bundle), {"decision": "approve"}, who=NURSE)).status == 200
