"""Changes of a Coverage that come as events: who is told, who is not, and when the event is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from adapters.fhir.base import Entry
from domain.cases import CaseState
from domain.errors import Forbidden, NotFound, Unavailable
from orchestrators.steps import BACKOFF
from tests.support.incoming import PORTAL, REVIEWER, come, coverage_record, everything, listening
from tests.support.samples import request
from tests.support.world import DIRECTOR, SUBMITTER, World, case_of
from triggers.event import Kind, Outcome
from triggers.instances import Instances, Standing

REVIEWED, ASKED = request("denied-by-medical-director"), request("information-requested")
CASE = case_of(REVIEWED)
COVERAGE, OTHERS = "coverage-cedar", "coverage-elm"
PATIENCE = sum(BACKOFF, timedelta())


@pytest.fixture
async def app() -> AsyncIterator[World]:
    async with listening() as running:
        yield running


async def submit(app: World, bundle: dict[str, Any]) -> str:
    """Id of the task at which the case waits."""
    await app.submit(bundle)
    await app.settle()
    return await app.task(case_of(bundle))


async def told(app: World, case: str) -> list[str]:
    """Names of the events that the case was told."""
    history = await app.host.durable.hub.history(case)
    return [each["Name"] for each in history if each.get("Name", "").startswith("eligibility-changed:")]


async def test_a_case_that_waits_for_a_reviewer_is_told(app: World) -> None:
    task = await submit(app, REVIEWED)
    assert await come(app, coverage_record(app, COVERAGE)) == Outcome(Kind.RAISED, CASE)
    assert await told(app, CASE) == [f"eligibility-changed:{task}"]


async def test_a_case_that_waits_for_its_provider_is_told(app: World) -> None:
    task = await submit(app, ASKED)
    assert (await come(app, coverage_record(app, OTHERS))).kind is Kind.RAISED
    assert await told(app, case_of(ASKED)) == [f"eligibility-changed:{task}"]


async def test_a_coverage_that_has_ended_ends_the_review(app: World) -> None:
    task = await submit(app, REVIEWED)
    coverage = await app.fhir.read(f"Coverage/{COVERAGE}")
    ended = {**coverage, "period": {"start": "2000-01-01", "end": "2025-12-31"}}
    await app.fhir.transaction([Entry("PUT", f"Coverage/{COVERAGE}", ended)])
    record = coverage_record(app, COVERAGE)
    assert (await come(app, record)).kind is Kind.RAISED
    assert (await app.record(CASE)).state is CaseState.INELIGIBLE
    assert (await app.fhir.read(f"Task/{task}"))["status"] == "cancelled"
    assert await come(app, record) == Outcome(Kind.IGNORED)


async def test_each_case_of_the_member_is_told_and_none_of_others(app: World) -> None:
    second = request("denied-by-medical-director", number="2")
    tasks = [await submit(app, bundle) for bundle in (REVIEWED, second)]
    await submit(app, ASKED)
    assert await come(app, coverage_record(app, COVERAGE)) == Outcome(Kind.RAISED)
    names = [await told(app, case_of(bundle)) for bundle in (REVIEWED, second)]
    assert names == [[f"eligibility-changed:{task}"] for task in tasks]
    assert await told(app, case_of(ASKED)) == []


async def test_another_coverage_of_the_same_member_counts(app: World) -> None:
    coverage = await app.fhir.read(f"Coverage/{COVERAGE}")
    await app.fhir.transaction([Entry("PUT", "Coverage/second", {**coverage, "id": "second"})])
    await submit(app, REVIEWED)
    assert (await come(app, coverage_record(app, "second"))).kind is Kind.RAISED


async def test_more_cases_than_a_page_holds(app: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.fhir.memory._PAGE_SIZE", 2)
    bundles = [request("denied-by-medical-director", number=str(number)) for number in range(5)]
    for bundle in bundles:
        await submit(app, bundle)
    await come(app, coverage_record(app, COVERAGE))
    assert [len(await told(app, case_of(bundle))) for bundle in bundles] == [1] * 5


async def test_where_nothing_is_open_the_event_is_ignored(app: World) -> None:
    assert await come(app, coverage_record(app, COVERAGE)) == Outcome(Kind.IGNORED)
    bundle = request("approved-at-once")
    await app.submit(bundle)
    await app.settle()
    before = await told(app, case_of(bundle))
    assert await come(app, coverage_record(app, "coverage-ash")) == Outcome(Kind.IGNORED)
    assert await told(app, case_of(bundle)) == before


async def test_a_case_on_its_way_is_waited_for_and_none_is_told_before(app: World) -> None:
    await submit(app, REVIEWED)
    second = request("denied-by-medical-director", number="2")
    app.rules.available = False
    await app.submit(second)
    record = coverage_record(app, COVERAGE)
    with pytest.raises(Unavailable, match="case-busy"):
        await come(app, record)
    assert await told(app, CASE) == []
    app.rules.available = True
    await app.advance(seconds=10)
    assert (await come(app, record)).kind is Kind.RAISED
    assert [len(await told(app, case_of(bundle))) for bundle in (REVIEWED, second)] == [1, 1]


async def test_a_parked_case_is_named_in_the_log_and_holds_up_no_other(
    app: World, caplog: pytest.LogCaptureFixture
) -> None:
    await submit(app, REVIEWED)
    second = request("denied-by-medical-director", number="2")
    app.rules.available = False
    await app.submit(second)
    await app.advance(seconds=PATIENCE.total_seconds() + 1)
    assert await come(app, coverage_record(app, COVERAGE)) == Outcome(Kind.RAISED, CASE)
    assert await told(app, case_of(second)) == []
    (line,) = [each.getMessage() for each in caplog.records if "held up" in each.getMessage()]
    assert line == f"case {case_of(second)} is held up: its member's coverage changed meanwhile"


async def test_a_case_that_ended_or_is_held_up_stops_no_partition(app: World) -> None:
    """Each stands between two waits for ever."""
    cases = [request("denied-by-medical-director", number=str(number)) for number in range(3)]
    app.rules.available = False
    for bundle in cases:
        await app.submit(bundle)
    hub, (ended, suspended, busy) = app.host.durable.hub, map(case_of, cases)
    await hub.terminate(ended)
    await hub.suspend(suspended)
    await app.settle()
    with pytest.raises(Unavailable, match="case-busy"):
        await come(app, coverage_record(app, COVERAGE))
    await hub.terminate(busy)
    await app.settle()
    assert await come(app, coverage_record(app, COVERAGE)) == Outcome(Kind.IGNORED)


async def test_a_case_that_has_no_instance_yet_judges_when_it_starts(
    app: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await submit(app, REVIEWED)
    find = Instances.find

    async def lost(self: Instances, case: str) -> Standing | None:
        return None if case == CASE else await find(self, case)

    monkeypatch.setattr(Instances, "find", lost)
    assert await come(app, coverage_record(app, COVERAGE)) == Outcome(Kind.IGNORED)


async def test_an_appeal_is_not_told(app: World) -> None:
    await submit(app, REVIEWED)
    await app.decide(CASE, {"decision": "deny", "reason": "criteria-not-met"}, who=DIRECTOR)
    answer = (await app.record(CASE)).response
    assert (await app.send("POST", f"/fhir/{answer}/$appeal", {}, who=SUBMITTER)).status == 202
    await app.settle()
    assert await come(app, coverage_record(app, COVERAGE)) == Outcome(Kind.IGNORED)


async def test_an_event_that_comes_again_only_looks_again(app: World) -> None:
    await submit(app, REVIEWED)
    record, before = coverage_record(app, COVERAGE), await app.custom(CASE)
    for _ in range(2):
        assert (await come(app, record)).kind is Kind.RAISED
    after = await app.custom(CASE)
    assert (after["waitingFor"], after["task"]) == (before["waitingFor"], before["task"])


async def test_a_dry_run_tells_whom_it_would_and_writes_nothing(app: World) -> None:
    await submit(app, REVIEWED)
    before = await everything(app)
    assert await come(app, coverage_record(app, COVERAGE), dry=True) == Outcome(Kind.RAISED, CASE)
    assert await told(app, CASE) == []
    assert await everything(app) == before


async def test_the_event_itself_writes_nothing_to_the_fhir_server(app: World) -> None:
    before = await everything(app)
    await asyncio.gather(*(come(app, coverage_record(app, COVERAGE)) for _ in range(3)))
    assert await everything(app) == before


async def test_who_may_not_say_so(app: World) -> None:
    with pytest.raises(Forbidden, match="unknown-source"):
        await come(app, coverage_record(app, COVERAGE, source="urn:example:source:nobody"))


async def test_a_coverage_that_is_not_there(app: World) -> None:
    with pytest.raises(NotFound, match="reference"):
        await come(app, coverage_record(app, "nowhere"))


@pytest.mark.parametrize("source", [PORTAL, REVIEWER])
async def test_nobody_but_a_membership_system_says_so(app: World, source: str) -> None:
    await submit(app, REVIEWED)
    with pytest.raises(Forbidden, match="role"):
        await come(app, coverage_record(app, COVERAGE, source=source))
    assert await told(app, CASE) == []
