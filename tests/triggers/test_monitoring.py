"""How the workflows fare: what the doors count, when they read, and who may see it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from adapters.connections import connections
from domain.process.model import Model, parse_model
from host.model import Status
from processes import text_of
from tests.support.samples import request
from tests.support.world import AUDITOR, DIRECTOR, NURSE, OPERATOR, START, SUBMITTER, World, case_of, world
from triggers import refresh
from triggers.instances import History
from triggers.refresh import timeline_of

DECIDED, OPEN = request("approved-at-once"), request("denied-by-medical-director")
DENY = {"decision": "deny", "reason": "criteria-not-met"}
ONE = "/processes/prior-authorization/versions/1.0.0"
XES = "{http://www.xes-standard.org/}"


async def _get(door: World, path: str, who: str = OPERATOR) -> Any:
    reply = await door.send("GET", path, who=who)
    assert reply.status == 200, reply.text
    return reply.json


async def _counts(door: World) -> dict[str, int]:
    found = await _get(door, "/processes")
    assert found["behind"] == 0
    (item,) = found["items"]
    assert (item.pop("workflow"), item.pop("version")) == ("prior-authorization", "1.0.0")
    counts: dict[str, int] = item
    return counts


def _elements(statistics: Any) -> dict[str, Any]:
    return {each["element"]: each for each in statistics["elements"]}


async def test_who_may_see_it(door: World) -> None:
    await door.submit(DECIDED)
    await door.settle()
    for path in (
        "/processes",
        f"{ONE}/statistics",
        f"{ONE}/deviations",
        f"{ONE}/log.xes",
        f"/processes/instances/{case_of(DECIDED)}/timeline",
    ):
        for who, status in ((OPERATOR, 200), (AUDITOR, 200), (SUBMITTER, 403), (NURSE, 403), ("camunda-mirror", 403)):
            assert (await door.send("GET", path, who=who)).status == status, path


async def test_counts_follow_the_cases(door: World) -> None:
    assert (await _get(door, "/processes"))["items"] == []
    await door.submit(DECIDED)
    await door.submit(OPEN)
    await door.settle()
    stands = {"all": 2, "running": 1, "ended": 1, "parked": 0, "overdue": 0, "deviating": 0}
    assert await _counts(door) == stands
    await door.advance(days=30)
    assert await _counts(door) == stands | {"overdue": 1}
    await door.decide(case_of(OPEN), DENY, who=DIRECTOR)
    await door.settle()
    assert await _counts(door) == stands | {"running": 0, "ended": 2}


async def test_a_case_that_was_never_seen_running_is_found(door: World) -> None:
    await _get(door, "/processes")
    for number in ("1", "2", "3"):
        await door.advance(hours=1)
        await door.submit(request("approved-at-once", number=number))
        await door.settle()
        assert (await _counts(door))["ended"] == int(number)


async def test_parked_and_failed_cases_wait_for_an_operator(door: World) -> None:
    door.rules.available = False
    await door.submit(DECIDED)
    await door.advance(hours=1)
    door.rules.available = True
    door.host.durable.fail("determine", 1, RuntimeError("defect:rules-refused"))
    await door.submit(OPEN)
    await door.settle()
    assert (await _counts(door))["parked"] == 2
    for case in (case_of(DECIDED), case_of(OPEN)):
        assert (await door.send("POST", f"/cases/{case}/resume", who=OPERATOR)).status == 202
    await door.settle()
    assert await _counts(door) == {"all": 2, "running": 1, "ended": 1, "parked": 0, "overdue": 0, "deviating": 0}
    opened = _elements(await _get(door, f"{ONE}/statistics"))["open-case"]
    assert opened["failed"] > 5
    assert 0 < opened["parked"] <= 3600


async def test_statistics(door: World) -> None:
    await door.submit(OPEN)
    await door.advance(days=6)
    await door.decide(case_of(OPEN), {"decision": "request-information", "information": ["34109-9"]}, who=DIRECTOR)
    await door.advance(days=3)
    found = await _get(door, f"{ONE}/statistics")
    elements = _elements(found)
    assert (found["workflow"], found["version"]) == ("prior-authorization", "1.0.0")
    assert elements["clinical-review"]["group"] == "reviewer"
    assert elements["clinical-review"]["duration"]["p50"] == timedelta(days=6).total_seconds()
    assert elements["await-information"]["group"] == "provider"
    assert "meanwhile" not in elements, "an event sub-process waits for nobody"
    assert found["bottlenecks"][0] == "clinical-review"
    assert elements["determine"]["rework"] == elements["determine"]["visits"] - 1
    assert found["breaches"] == {"medicare-advantage": {"cases": 1, "breaches": 1}}


async def test_filters(door: World) -> None:
    await door.submit(DECIDED)
    await door.advance(days=1)
    await door.submit(OPEN)
    await door.settle()
    for query, count in (
        ("", 2),
        (f"?since={START.isoformat().replace('+00:00', 'Z')}", 2),
        ("?since=2026-11-24T00:00:00", 1),
        ("?line-of-business=medicare-advantage", 2),
        ("?line-of-business=commercial", 0),
    ):
        assert (await _get(door, f"{ONE}/statistics{query}"))["counts"]["all"] == count
    odd = await door.send(
        "GET", f"{ONE}/deviations?since=soon&line-of-business=x&count=0&page=-1&colour=red", who=OPERATOR
    )
    assert [each["path"] for each in odd.json["errors"]] == [
        "?colour",
        "?since",
        "?line-of-business",
        "?count",
        "?page",
    ]
    assert (await door.send("GET", "/processes?count=1", who=OPERATOR)).status == 400
    for path in ("/processes/nobody/versions/1.0.0", "/processes/prior-authorization/versions/9.9.9"):
        for door_name in ("statistics", "deviations", "log.xes"):
            reply = await door.send("GET", f"{path}/{door_name}", who=OPERATOR)
            assert (reply.status, reply.code) == (404, "process")


def _other_model(workflow: str, version: str) -> Model | None:
    """A model whose first step is another than the orchestrator's."""
    return parse_model(text_of(workflow, version).replace('"open-case"', '"closing-case"'))


async def test_a_case_that_left_its_model_is_found(door: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "model_of", _other_model)
    for number in ("1", "2", "3"):
        await door.submit(request("approved-at-once", number=number))
    await door.settle()
    assert (await _counts(door))["deviating"] == 3
    first = await _get(door, f"{ONE}/deviations?count=2")
    assert (len(first["items"]), first["total"], first["next"]) == (2, 3, "2")
    assert first["items"][0]["deviation"].startswith("open-case started; the model stands at ")
    last = await _get(door, f"{ONE}/deviations?count=2&page=2")
    assert (len(last["items"]), last["next"]) == (1, None)


async def test_every_ordinary_case_keeps_to_its_model_at_every_moment(door: World) -> None:
    await door.submit(OPEN)
    for day in range(9):
        await door.advance(days=1)
        assert await _get(door, f"{ONE}/deviations") == {"items": [], "total": 0, "next": None, "behind": 0}, day
    await door.decide(case_of(OPEN), DENY, who=DIRECTOR)
    await door.settle()
    assert (await _get(door, f"{ONE}/deviations"))["total"] == 0


async def test_a_status_that_says_another_wait_than_the_model_deviates(door: World) -> None:
    await door.submit(OPEN)
    await door.settle()
    history = await door.instances.history(case_of(OPEN))
    assert history is not None
    assert timeline_of(history).deviation is None
    history.standing.custom["step"] = "await-information"
    found = timeline_of(history).deviation
    assert found is not None
    assert found.startswith("the case waits at await-information; ")


async def test_a_timeline(door: World) -> None:
    await door.submit(OPEN)
    await door.advance(days=2)
    case = await _get(door, f"/processes/instances/{case_of(OPEN)}/timeline")
    assert (case["workflow"], case["runtime"], case["waits_for"]) == ("prior-authorization", "Running", "reviewer")
    assert (case["decided"], case["ended"], case["breached"]) == (None, None, False)
    assert case["visits"][0]["element"] == "open-case"
    (wait,) = (each for each in case["visits"] if each["element"] == "clinical-review")
    assert (wait["started"], wait["ended"], wait["group"]) == ("2026-11-23T15:00:00Z", None, "reviewer")
    reply = await door.send("GET", "/processes/instances/nobody/timeline", who=OPERATOR)
    assert (reply.status, reply.code) == (404, "instance")


async def test_the_event_log(door: World) -> None:
    await door.submit(DECIDED)
    await door.submit(OPEN)
    await door.advance(days=1)
    reply = await door.send("GET", f"{ONE}/log.xes", who=AUDITOR)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/xml")
    assert reply.headers["x-behind"] == "0"
    log = ElementTree.fromstring(reply.text)
    traces = {_value(trace, "concept:name"): trace for trace in log.iter(f"{XES}trace")}
    assert traces.keys() == {case_of(DECIDED), case_of(OPEN)}
    events = list(traces[case_of(OPEN)].iter(f"{XES}event"))
    stamps = [datetime.fromisoformat(_value(event, "time:timestamp")) for event in events]
    assert stamps == sorted(stamps)
    kinds = [(_value(e, "concept:name"), _value(e, "lifecycle:transition"), _value(e, "org:group")) for e in events]
    assert kinds[:2] == [("open-case", "start", "engine"), ("open-case", "complete", "engine")]
    assert ("clinical-review", "start", "reviewer") in kinds
    assert ("clinical-review", "complete", "reviewer") not in kinds


def _value(node: ElementTree.Element, key: str) -> str:
    found = next((each for each in node if each.get("key") == key), None)
    return "" if found is None else str(found.get("value"))


async def test_no_person_and_no_text_is_in_it(door: World) -> None:
    door.host.durable.fail("determine", 1, RuntimeError("defect:rules-refused for Jane Doe"))
    await door.submit(OPEN)
    await door.settle()
    paths = ("/processes", f"{ONE}/statistics", f"{ONE}/log.xes", f"/processes/instances/{case_of(OPEN)}/timeline")
    told = "".join([(await door.send("GET", path, who=OPERATOR)).text for path in paths])
    member = [each for each in await door.all("Patient") if "name" in each]
    assert "Jane" not in told
    assert not [each["name"][0]["family"] for each in member if each["name"][0]["family"] in told]
    assert not [each["id"] for each in member if each["id"] in told]


# -- refreshing -----------------------------------------------------------------------------------------------


async def test_refreshing_again_changes_nothing_and_reads_nothing(door: World) -> None:
    await door.submit(DECIDED)
    await door.submit(OPEN)
    await door.advance(minutes=1)
    looks: list[str] = []
    to, instances = connections(), door.instances
    assert await refresh.refresh(to, instances) == 0
    before = [await to.analytics.get(case_of(each)) for each in (DECIDED, OPEN)]
    ask = type(instances).history

    async def counted(self: Any, case: str) -> Any:
        looks.append(case)
        return await ask(self, case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(instances), "history", counted)
        assert await refresh.refresh(to, instances) == 0
    assert looks == []
    assert [await to.analytics.get(case_of(each)) for each in (DECIDED, OPEN)] == before


async def test_what_was_not_reached_is_read_next_time(door: World) -> None:
    for number in ("1", "2", "3"):
        await door.submit(request("approved-at-once", number=number))
    await door.settle()
    to, instances = connections(), door.instances
    assert await refresh.refresh(to, instances, seconds=0) == 3
    assert await to.analytics.swept() is None
    assert await refresh.refresh(to, instances) == 0
    assert await to.analytics.swept() == to.now()
    assert (await _counts(door))["ended"] == 3


async def test_a_case_that_was_purged_keeps_its_way(door: World) -> None:
    await door.submit(DECIDED)
    await door.submit(OPEN)
    await door.advance(minutes=1)
    await _counts(door)
    await door.decide(case_of(OPEN), DENY, who=DIRECTOR)
    await door.settle()
    for case in (case_of(OPEN), case_of(DECIDED)):
        assert await door.host.durable.hub.purge(case)
    assert await _counts(door) == {"all": 2, "running": 0, "ended": 2, "parked": 0, "overdue": 0, "deviating": 0}
    kept = await connections().analytics.get(case_of(OPEN))
    assert kept is not None
    assert kept.runtime == refresh.PURGED


async def test_a_history_that_is_not_ours_hides_no_other(door: World, caplog: pytest.LogCaptureFixture) -> None:
    await door.submit(DECIDED)
    await door.settle()
    ask = type(door.instances).history

    async def odd(self: Any, case: str) -> Any:
        found = await ask(self, case)
        unreadable = [{"EventType": "TaskScheduled", "Timestamp": "soon", "Name": "x"}]
        return History(found.standing, unreadable) if found and case == case_of(DECIDED) else found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(door.instances), "history", odd)
        await door.submit(OPEN)
        await door.settle()
        assert (await _counts(door))["all"] == 1
    assert f"case {case_of(DECIDED)}: its history cannot be read (ValueError)" in caplog.messages


async def test_the_timer_reads_what_nobody_asked_for() -> None:
    async with world(timers=True) as door:
        await door.submit(DECIDED)
        await door.advance(minutes=6)
        kept = await connections().analytics.get(case_of(DECIDED))
        assert kept is not None
        assert kept.runtime == Status.COMPLETED


async def test_the_file_of_the_settings_is_used(tmp_path: Path) -> None:
    from adapters.analytics.memory import MemoryAnalytics
    from adapters.analytics.sqlite import SqliteAnalytics
    from adapters.connections import connect
    from settings import Settings

    given = connect(Settings(analytics_file=str(tmp_path / "analytics.sqlite")))
    assert isinstance(given.analytics, SqliteAnalytics)
    await given.analytics.sweep(START)
    assert (tmp_path / "analytics.sqlite").exists()
    assert isinstance(connect(Settings(analytics_file="")).analytics, MemoryAnalytics)
