"""What an operator is told of an event that nobody can take: the way of a record through consumer and handler."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.cases import CaseState
from domain.errors import Rejected, Unavailable
from domain.events.catalog import Topic
from tests.support.incoming import (
    PORTAL,
    attachment_record,
    coverage_record,
    decision_record,
    everything,
    listening,
    request_record,
)
from tests.support.ordered import letters
from tests.support.samples import attachment, request, resource
from tests.support.world import World, case_of
from triggers.event import Kind, Outcome

BUNDLE, REVIEWED, ASKED = (
    request("approved-at-once"),
    request("denied-by-medical-director"),
    request("information-requested"),
)
APPROVE = {"decision": "approve"}
VALUE = {"valueQuantity": {"value": 84, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}


@pytest.fixture
async def app() -> AsyncIterator[World]:
    async with listening() as running:
        yield running


async def reasons(app: World, topic: Topic) -> list[str]:
    """Of the open letters of a topic."""
    return [letter.reason for letter in letters(app, topic).values()]


async def test_what_is_taken_leaves_no_letter(app: World) -> None:
    for bundle in (REVIEWED, ASKED):
        assert (await app.take(await request_record(app, bundle))).kind is Kind.STARTED
        await app.settle()
    number = (await app.record(case_of(ASKED))).tracking_number
    taken = [
        await app.take(await attachment_record(app, attachment(number, "59408-5", VALUE))),
        await app.take(coverage_record(app, "coverage-cedar")),
        await app.take(await decision_record(app, await app.task(case_of(REVIEWED)), APPROVE)),
    ]
    assert [each.kind for each in taken] == [Kind.RAISED] * 3
    await app.settle()
    states = {(await app.record(case_of(bundle))).state for bundle in (REVIEWED, ASKED)}
    assert states == {CaseState.APPROVED}
    assert not [topic for topic in app.events.topics if topic.endswith((".dead-letters", ".parked"))]


async def test_the_loser_of_a_decision_is_told_by_a_letter_and_keeps_its_order(app: World) -> None:
    await app.submit(REVIEWED)
    await app.settle()
    record = await decision_record(app, await app.task(case_of(REVIEWED)), APPROVE)
    await app.decide(case_of(REVIEWED), APPROVE)
    assert (await app.take(record)).kind is Kind.DEAD
    assert await reasons(app, Topic.DECISIONS) == ["finished"]
    assert (await app.take(await decision_record(app, "another", APPROVE))).kind is Kind.PARKED


async def test_an_attachment_that_nobody_asked_for(app: World) -> None:
    await app.submit(BUNDLE)
    number = (await app.record(case_of(BUNDLE))).tracking_number
    await app.take(await attachment_record(app, attachment(number, "59408-5", VALUE)))
    assert await reasons(app, Topic.ATTACHMENTS) == ["nothing-asked"]


async def test_a_refused_request_holds_up_no_other(app: World) -> None:
    changed = request("approved-at-once")
    resource(changed, "Claim")["item"][0]["quantity"]["value"] = 2
    for bundle in (BUNDLE, changed, REVIEWED):
        await app.take(await request_record(app, bundle))
    assert await reasons(app, Topic.REQUESTS) == ["duplicate"]
    await app.settle()
    assert (await app.record(case_of(REVIEWED))).state is CaseState.IN_REVIEW


@pytest.mark.parametrize(
    ("changes", "reason", "places"),
    [
        ({"source": "urn:example:source:nobody"}, "unknown-source", ()),
        ({"organization": "hillview-supply"}, "organization", ()),
        ({"contentType": "text/plain"}, "content-type", ("Binary.contentType",)),
        ({"securityContext": None}, "reference", ()),
        ({"data": "e30="}, "not-a-bundle", ("$",)),
    ],
)
async def test_a_letter_names_reason_and_places(
    app: World, changes: dict[str, Any], reason: str, places: tuple[str, ...]
) -> None:
    await app.take(await request_record(app, BUNDLE, **changes))
    (letter,) = letters(app, Topic.REQUESTS).values()
    assert (letter.reason, letter.places) == (reason, places)


async def test_the_value_of_nothing_that_is_refused_stands_in_a_letter(
    app: World, caplog: pytest.LogCaptureFixture
) -> None:
    spoiled = request("approved-at-once")
    resource(spoiled, "Patient")["birthDate"] = "zebracanary"
    spoiled["zebracanary"] = {"zebracanary": "zebracanary"}
    record = await request_record(app, spoiled, source=PORTAL)
    assert (await app.take(record)).kind is Kind.DEAD
    told = [part for each in app.events.records(Topic.REQUESTS.dead_letters) for part in (each.value, each.headers)]
    assert "zebracanary" not in f"{told} {caplog.text}"


async def test_what_the_fhir_server_refuses_is_no_fault_of_ours(app: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise Rejected("fhir-refused")

    for bundle in (REVIEWED, ASKED):
        await app.submit(bundle)
    await app.settle()
    number = (await app.record(case_of(ASKED))).tracking_number
    records = [
        await request_record(app, BUNDLE),
        await attachment_record(app, attachment(number, "59408-5", VALUE)),
        await decision_record(app, await app.task(case_of(REVIEWED)), APPROVE),
    ]
    monkeypatch.setattr(app.fhir, "transaction", refuse)
    for record, topic in zip(records, (Topic.REQUESTS, Topic.ATTACHMENTS, Topic.DECISIONS), strict=True):
        assert (await app.take(record)).kind is Kind.DEAD
        assert await reasons(app, topic) == ["fhir-refused"]


async def test_a_fhir_server_that_is_away_makes_no_letter(app: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> list[Any]:
        raise Unavailable("fhir")

    record = await request_record(app, BUNDLE)
    before = await everything(app)
    for method in ("read_many", "transaction"):
        with monkeypatch.context() as outage:
            outage.setattr(app.fhir, method, away)
            with pytest.raises(Unavailable):
                await app.take(record)
    assert await everything(app) == before
    assert set(app.events.topics) == {Topic.REQUESTS}
    assert await app.take(record) == Outcome(Kind.STARTED, case_of(BUNDLE))
