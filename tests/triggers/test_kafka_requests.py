"""Requests that come as events: the same case as by HTTP, the clock from the time of receipt, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from adapters.fhir.base import Entry
from domain.cases import CaseState
from domain.errors import Conflict, Forbidden, Malformed, NotFound, Rejected, TooLarge, Unavailable, WorkflowError
from domain.events.catalog import REQUESTED
from host.model import Status
from tests.support.incoming import (
    CLEARING,
    LAKESIDE,
    MEMBERSHIP,
    PORTAL,
    REVIEWER,
    come,
    everything,
    listening,
    put,
    put_binary,
    request_record,
)
from tests.support.samples import request, resource
from tests.support.world import OTHER_SUBMITTER, START, World, case_of
from triggers.event import Kind, Outcome

BUNDLE, PENDED = request("approved-at-once"), request("pended-then-approved")
CASE = case_of(BUNDLE)


@pytest.fixture
async def app() -> AsyncIterator[World]:
    async with listening() as running:
        yield running


async def refused(app: World, record: Any, error: type[WorkflowError], code: str) -> WorkflowError:
    """The refusal of a record that nothing is written for."""
    before = await everything(app)
    with pytest.raises(error) as raised:
        await come(app, record)
    assert raised.value.code == code
    assert await everything(app) == before
    return raised.value


async def test_a_request_starts_its_case_and_is_decided_and_told(app: World) -> None:
    assert await come(app, await request_record(app, BUNDLE)) == Outcome(Kind.STARTED, CASE)
    record = await app.record(CASE)
    assert (record.state, record.submitter) == (CaseState.APPROVED, LAKESIDE)
    assert await app.notices(CASE) == ["decided"]
    assert [told.endpoint for told in app.notifier.delivered] == ["http://127.0.0.1:18590/hooks/lakeside-clinic"]


async def test_the_source_and_the_binary_stand_in_the_audit_event_of_the_intake(app: World) -> None:
    record = await request_record(app, BUNDLE)
    await come(app, record)
    (audit,) = [
        each for each in await app.all("AuditEvent") if each["entity"][0]["detail"][0]["valueString"] == "submit"
    ]
    assert audit["agent"][0]["who"]["identifier"]["value"] == PORTAL
    read = [each["what"].get("reference", "") for each in audit["entity"]]
    assert [each for each in read if each.startswith("Binary/")] == [
        f"Binary/{(await app.all('Binary'))[0]['id']}/_history/1"
    ]


async def test_it_is_not_waited_for(app: World) -> None:
    app.rules.available = False
    assert (await come(app, await request_record(app, PENDED))).kind is Kind.STARTED
    assert (await app.record(case_of(PENDED))).state is CaseState.RECEIVED


async def test_the_clock_starts_when_the_event_came_however_late_it_is_read(app: World) -> None:
    prompt, late = request("pended-then-approved", number="1"), request("pended-then-approved", number="2")
    record = await request_record(app, late)
    await come(app, await request_record(app, prompt))
    await app.advance(hours=3)
    await come(app, record)
    read = await app.record(case_of(late))
    assert read.received_at == START == record.appended
    assert read.due == (await app.record(case_of(prompt))).due
    assert app.clock.now() - START >= timedelta(hours=3)


async def test_an_event_that_comes_again_runs_nothing_again(app: World) -> None:
    record = await request_record(app, BUNDLE)
    await come(app, record)
    first, before = await app.status(CASE), await everything(app)
    assert first.status is Status.COMPLETED
    await app.advance(days=2)
    assert await come(app, record) == Outcome(Kind.EXISTS, CASE)
    again = await request_record(app, BUNDLE, source=CLEARING)
    assert await come(app, again) == Outcome(Kind.EXISTS, CASE), "another event of the same request"
    assert (await app.status(CASE)).execution_id == first.execution_id
    assert await everything(app) - before == {f"Binary/{_binary(again)}/1"}


async def test_a_decided_case_whose_history_is_purged_is_not_started_again(app: World) -> None:
    record = await request_record(app, BUNDLE)
    await come(app, record)
    await app.host.durable.hub.purge(CASE)
    assert await come(app, record) == Outcome(Kind.EXISTS, CASE)
    assert await app.host.durable.hub.status(CASE) is None


async def test_copies_at_the_same_moment_are_one_case(app: World) -> None:
    records = [await request_record(app, BUNDLE) for _ in range(5)]
    outcomes = await asyncio.gather(*(come(app, record) for record in records))
    assert {outcome.case for outcome in outcomes} == {CASE}
    assert Kind.STARTED in {outcome.kind for outcome in outcomes}
    assert [len(await app.all(kind)) for kind in ("Claim", "ClaimResponse", "Task")] == [1, 1, 1]
    assert await app.notices(CASE) == ["decided"]


async def test_the_same_request_by_http_and_then_as_an_event_is_one_case(app: World) -> None:
    reply = await app.submit(BUNDLE)
    assert await come(app, await request_record(app, BUNDLE)) == Outcome(Kind.EXISTS, reply.headers["X-Case-Id"])
    assert len(await app.all("Claim")) == 1


async def test_the_same_request_as_an_event_and_then_by_http_is_one_case(app: World) -> None:
    await come(app, await request_record(app, BUNDLE, source=CLEARING))
    reply = await app.submit(BUNDLE)
    assert (reply.status, reply.actions, reply.headers["X-Case-Id"]) == (200, ["A1"], CASE)
    assert len(await app.all("Claim")) == 1


async def test_a_clearing_house_speaks_for_each_of_its_organizations(app: World) -> None:
    await come(app, await request_record(app, BUNDLE, source=CLEARING))
    other = await come(app, await request_record(app, BUNDLE, source=CLEARING, organization="hillview-supply"))
    assert other == Outcome(Kind.STARTED, case_of(BUNDLE, "hillview-supply"))
    reply = await app.submit(BUNDLE, who=OTHER_SUBMITTER)
    assert reply.headers["X-Case-Id"] == other.case


async def test_other_content_under_the_same_identifiers(app: World) -> None:
    await come(app, await request_record(app, BUNDLE))
    changed = request("approved-at-once")
    resource(changed, "Claim")["item"][0]["quantity"]["value"] = 2
    await refused(app, await request_record(app, changed), Conflict, "duplicate")


async def test_an_update_is_not_taken(app: World) -> None:
    await refused(app, await request_record(app, _update()), Rejected, "updates-unsupported")


@pytest.mark.parametrize(
    ("source", "organization", "code"),
    [
        ("urn:example:source:nobody", LAKESIDE, "unknown-source"),
        (PORTAL, "hillview-supply", "organization"),
        (REVIEWER, LAKESIDE, "organization"),
        (MEMBERSHIP, LAKESIDE, "organization"),
    ],
)
async def test_who_may_not_submit(app: World, source: str, organization: str, code: str) -> None:
    record = await request_record(app, BUNDLE, source=source, organization=organization)
    await refused(app, record, Forbidden, code)


async def test_a_source_that_is_no_submitter() -> None:
    sources = {PORTAL: {"roles": ["reviewer"], "organizations": [LAKESIDE]}}
    async with listening(event_sources=sources) as app:
        await refused(app, await request_record(app, BUNDLE), Forbidden, "role")


async def test_what_another_organization_put_there_is_not_found(app: World) -> None:
    theirs = await put_binary(app.fhir, BUNDLE, "Organization/hillview-supply")
    for binary in (theirs, "Binary/nowhere"):
        record = put(app, REQUESTED, PORTAL, {"organization": LAKESIDE, "request": binary})
        error = await refused(app, record, NotFound, "reference")
    nobodys = await request_record(app, BUNDLE, securityContext=None)
    assert str(await refused(app, nobodys, NotFound, "reference")) == str(error), "all look the same"


@pytest.mark.parametrize(
    ("binary", "error", "code", "place"),
    [
        ({"contentType": "application/pdf"}, Malformed, "content-type", "Binary.contentType"),
        ({"contentType": None}, Malformed, "content-type", "Binary.contentType"),
        ({"data": None}, Malformed, "no-data", "Binary.data"),
        ({"data": " \n"}, Malformed, "no-data", "Binary.data"),
        ({"data": "äöü="}, Malformed, "no-data", "Binary.data"),
        ({"data": "e30"}, Malformed, "no-data", "Binary.data"),
        ({"data": 7}, Malformed, "no-data", "Binary.data"),
        ({"data": "AAAA" * 50_000}, TooLarge, "body", None),
        ({"data": "AAAA" * 20_000}, TooLarge, "body", None),
        ({"data": base64.b64encode(b"{").decode()}, Malformed, "not-json", "$"),
        ({"data": base64.b64encode(b"\xff\xfe{}").decode()}, Malformed, "not-json", "$"),
        ({"data": base64.b64encode(b"[" * 40_000).decode()}, TooLarge, "depth", None),
        ({"data": base64.b64encode(b'{"resourceType":"Parameters"}').decode()}, Malformed, "not-a-bundle", "$"),
        ({"data": base64.b64encode(b'{"resourceType":"Bundle"}').decode()}, Malformed, "malformed", "Bundle.type"),
    ],
)
async def test_hostile_content(
    binary: dict[str, Any], error: type[WorkflowError], code: str, place: str | None
) -> None:
    async with listening(max_body_bytes=50_000) as app:
        raised = await refused(app, await request_record(app, BUNDLE, **binary), error, code)
        if isinstance(raised, Malformed):
            assert place in [problem.path for problem in raised.problems]


async def test_white_space_in_base64_and_parameters_of_the_type_are_fine(app: World) -> None:
    data = "\n ".join(_lines(request("approved-at-once")))
    record = await request_record(app, BUNDLE, data=data, contentType="application/FHIR+json; charset=utf-8")
    assert (await come(app, record)).kind is Kind.STARTED


async def test_a_member_without_a_record_gets_a_case_all_the_same(app: World) -> None:
    bundle = request("approved-at-once")
    resource(bundle, "Coverage")["subscriberId"] = "unknown-member"
    for each in (resource(bundle, "Coverage"), resource(bundle, "Patient")):
        each.pop("identifier", None)
    assert (await come(app, await request_record(app, bundle))).kind is Kind.STARTED


async def test_a_dry_run_tells_what_would_start_and_writes_nothing(app: World) -> None:
    new, done = await request_record(app, PENDED), await request_record(app, BUNDLE)
    await come(app, done)
    changed = request("approved-at-once")
    resource(changed, "Claim")["item"][0]["quantity"]["value"] = 2
    other = await request_record(app, changed)
    before = await everything(app)
    assert await come(app, new, dry=True) == Outcome(Kind.STARTED, case_of(PENDED))
    assert await come(app, done, dry=True) == Outcome(Kind.EXISTS, CASE)
    with pytest.raises(Conflict, match="duplicate"):
        await come(app, other, dry=True)
    assert await everything(app) == before
    assert await app.host.durable.hub.status(case_of(PENDED)) is None


async def test_a_case_that_was_written_and_never_started_is_started(
    app: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = await request_record(app, BUNDLE)
    with monkeypatch.context() as crash:
        crash.setattr("triggers.instances.Instances.start", _crash)
        with pytest.raises(Unavailable):
            await come(app, record)
    assert (await come(app, record, dry=True)).kind is Kind.STARTED
    assert await come(app, record) == Outcome(Kind.STARTED, CASE)
    assert (await app.record(CASE)).state is CaseState.APPROVED


async def test_a_fhir_server_that_drops_both_of_two_equal_requests_is_tried_again(
    app: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(entries: list[Entry]) -> list[Any]:
        raise Conflict("stale")

    record = await request_record(app, BUNDLE)
    with monkeypatch.context() as at_once:
        at_once.setattr(app.fhir, "transaction", busy)
        with pytest.raises(Unavailable, match="fhir"):
            await come(app, record)
    assert (await come(app, record)).kind is Kind.STARTED


async def _crash(*_: object) -> bool:
    raise Unavailable("durable")


def _update() -> dict[str, Any]:
    bundle = request("approved-at-once")
    claim = resource(bundle, "Claim")
    claim["related"] = [{"claim": {"identifier": {"value": "earlier"}}, "relationship": _replaces()}]
    return bundle


def _replaces() -> dict[str, Any]:
    return {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/ex-relatedclaimrelationship", "code": "prior"}]
    }


def _binary(record: Any) -> str:
    return str(record.value.decode().split("Binary/")[1].split('"')[0])


def _lines(bundle: dict[str, Any]) -> list[str]:
    text = base64.b64encode(json.dumps(bundle).encode()).decode()
    return [text[start : start + 76] for start in range(0, len(text), 76)]
