"""The replay tool against the doors of the engine in process: what it shows, in which order, and how it goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.events.base import Position
from adapters.events.memory import MemoryEvents
from domain.events.catalog import Topic
from events import engine_door, replay
from events.engine_door import EngineDoor, token
from events.errors import EventsError
from events.ranges import Wanted
from events.replay import drive, told
from tests.ports import free_port
from tests.support.incoming import listening, request_record
from tests.support.samples import request
from tests.support.world import OPERATOR, SUBMITTER, World, case_of

NAMES = ("approved-at-once", "approved-expedited", "authorization-not-required")


@pytest.fixture
async def app() -> AsyncIterator[World]:
    async with listening() as running:
        yield running


@pytest.fixture
async def engine(app: World) -> AsyncIterator[EngineDoor]:
    async with EngineDoor(app.host.server.origin, OPERATOR) as door:
        yield door


async def asked(app: World) -> None:
    """Three requests and one record that is none."""
    for name in NAMES:
        await request_record(app, request(name))
    app.events.append(Topic.REQUESTS, b"zebracanary", b"{", (("ce_type", b"zebracanary"), ("ce_id", b"1")))
    app.events.append(Topic.REQUESTS, b"zebracanary", b"{", (("ce_id", b"1"),))


async def run(app: World, engine: EngineDoor, *, dry: bool, wanted: Wanted | None = None) -> replay.Report:
    ranges = await app.events.bounds(Topic.REQUESTS)
    report = await drive(app.events, engine, Topic.REQUESTS, ranges, wanted or Wanted(), "run-1", dry=dry)
    await app.settle()
    return report


async def test_a_dry_run_shows_what_would_start_and_a_run_starts_it_once(app: World, engine: EngineDoor) -> None:
    await asked(app)
    expected = {"started": 3, "ignored": 1, "rejected: not-a-cloud-event": 1}
    dry = await run(app, engine, dry=True)
    assert (dry.counts, dry.rejected, dry.read) == (expected, 1, 5)
    assert await app.all("Task") == []
    assert (await run(app, engine, dry=False)).counts == expected
    states = [(await app.record(case_of(request(name)))).state for name in NAMES]
    assert states == ["approved", "approved", "not-required"]
    assert (await run(app, engine, dry=False)).counts == {
        "exists": 3, "ignored": 1, "rejected: not-a-cloud-event": 1,
    }  # fmt: skip


async def test_the_text_names_records_and_no_keys(app: World, engine: EngineDoor) -> None:
    await asked(app)
    text = told(await run(app, engine, dry=True), dry=True)
    assert "zebracanary" not in text
    assert "GO=1" in text
    (line,) = [each for each in text.splitlines() if case_of(request(NAMES[0])) in each]
    assert "prior-authorization.requested.v1" in line
    (line,) = [each for each in text.splitlines() if "headers.ce_type" in each]
    assert "(none)" in line
    assert "1 ignored, 1 rejected: not-a-cloud-event, 3 started" in text
    assert "GO=1" not in told(await run(app, engine, dry=False), dry=False)


async def test_only_what_is_wanted_is_delivered(app: World, engine: EngineDoor) -> None:
    await asked(app)
    assert (await run(app, engine, dry=True, wanted=Wanted(type="zebracanary"))).counts == {"ignored": 1}
    assert "no record matches" in told(await run(app, engine, dry=True, wanted=Wanted(type="x.*")), dry=True)


async def test_rejected_records_are_shown_even_late(app: World, engine: EngineDoor, monkeypatch: Any) -> None:
    monkeypatch.setattr(replay, "SHOWN", 2)
    monkeypatch.setattr(replay, "MANY", 2)
    for number in range(9):
        app.events.append(Topic.REQUESTS, b"k", b"{}", (("ce_type", b"x"), ("ce_id", str(number).encode())))
    app.events.append(Topic.REQUESTS, b"k", b"{", (("ce_id", b"1"),))
    report = await run(app, engine, dry=True)
    assert [row[4] for row in report.rows.values()] == ["ignored", "ignored", "rejected"]


class Answers:
    """A server that gives these answers in turn, then says that all was done before, and keeps what it was asked."""

    def __init__(self, answers: Iterable[httpx.Response | Exception]) -> None:
        self._answers = iter(answers)
        self.asked: list[Any] = []

    async def __call__(self, asked: httpx.Request) -> httpx.Response:
        body = json.loads(asked.content)
        self.asked.append(body)
        answer = next(self._answers, None) or done(*["exists"] * len(body["positions"]))
        if isinstance(answer, Exception):
            raise answer
        return answer


def door(answers: Answers) -> EngineDoor:
    found = EngineDoor("http://engine", "t")
    found._http = httpx.AsyncClient(base_url="http://engine", transport=httpx.MockTransport(answers))
    return found


def done(*kinds: str) -> httpx.Response:
    return httpx.Response(200, json={"outcomes": [{"kind": kind, "case": None} for kind in kinds]})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_door, "LONGEST", 0.0)


AT = Position("t", 0, 0)


async def test_each_partition_goes_in_order_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "MANY", 4)
    log = MemoryEvents()
    for number in range(40):
        log.append("t", str(number).encode(), b"{}", (("ce_type", b"a" if number % 3 else b"b"),))
    answers = Answers(())
    async with door(answers) as engine:
        report = await drive(log, engine, "t", await log.bounds("t"), Wanted(type="a"), "r", dry=False)
    places = [[(at["partition"], at["offset"]) for at in body["positions"]] for body in answers.asked]
    assert all(len(each) <= 4 and len({partition for partition, _ in each}) == 1 for each in places)
    for number in range(3):
        assert [at for each in places for at in each if at[0] == number] == [
            (number, each.at.offset) for each in log.topics["t"][number] if Wanted(type="a").admits(each)
        ]
    assert (report.read, report.counts) == (40, {"exists": 26})


async def test_what_fails_in_one_partition_ends_the_run() -> None:
    log = MemoryEvents()
    for number in range(9):
        log.append("t", str(number).encode(), b"{}")
    async with door(Answers([httpx.Response(500)] * 9)) as engine:
        with pytest.raises(EventsError, match="HTTP 500"):
            await drive(log, engine, "t", await log.bounds("t"), Wanted(), "r", dry=False)


async def test_an_engine_that_is_away_for_a_while_is_asked_again() -> None:
    answers = Answers([httpx.Response(503), httpx.ReadTimeout("x"), httpx.ConnectError("x"), done("started")])
    async with door(answers) as engine:
        (delivered,) = await engine.replay("r", [AT], dry=False)
    assert delivered.kind == "started"
    assert len({json.dumps(each) for each in answers.asked}) == 1
    assert len(answers.asked) == 4


async def test_an_engine_that_stays_away_is_told() -> None:
    async with door(Answers([httpx.Response(503)] * engine_door.TRIES)) as engine:
        with pytest.raises(EventsError, match="Give the same command again"):
            await engine.replay("r", [AT], dry=False)


async def test_what_the_engine_refuses_is_told(app: World) -> None:
    async with EngineDoor(app.host.server.origin, SUBMITTER) as engine:
        with pytest.raises(EventsError, match="HTTP 403"):
            await engine.replay("r", [AT], dry=True)


async def test_where_no_engine_is_it_is_told_at_once() -> None:
    async with EngineDoor(f"http://127.0.0.1:{free_port()}", "t") as engine:
        with pytest.raises(EventsError, match="start it with make run"):
            await engine.replay("r", [AT], dry=True)


def test_the_token_is_the_environments_or_that_of_the_local_operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(engine_door.TOKEN, raising=False)
    with pytest.raises(EventsError, match=engine_door.TOKEN):
        token(tmp_path, OPERATOR)
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "identities.json").write_text(json.dumps({OPERATOR: "local"}))
    assert token(tmp_path, OPERATOR) == "local"
    monkeypatch.setenv(engine_door.TOKEN, "given")
    assert token(tmp_path, OPERATOR) == "given"
