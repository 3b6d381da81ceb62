"""What events carry, good ones and poison, is nowhere but in their topics and in FHIR: not in letters, lanes, logs,
spans, histories, the hub's file or an answer. Keys, headers, ids, values and field names are full of canaries."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import activities.step
import adapters.tracing
import triggers.replays
from adapters.events.base import Record
from domain.errors import Unavailable
from domain.events.catalog import ATTACHMENT, COVERAGE_CHANGED, DECISION_TAKEN, INCOMING, REQUESTED, EventType
from domain.events.cloud_event import CloudEvent, Headers, to_headers
from host.cli.main import main
from host.spans import JsonLines
from host.store.sqlite import SqliteStore
from host.telemetry import Telemetry
from tests.support.canaries import Canaries
from tests.support.incoming import LAKESIDE, MEMBERSHIP, PORTAL, REVIEWER, SOURCES, put_binary
from tests.support.logged import logged
from tests.support.ordered import letters
from tests.support.samples import attachment
from tests.support.samples import request as sample_request
from tests.support.world import AUDITOR, OPERATOR, SUBMITTER, World, case_of, world
from triggers.event import Kind

OWNER = f"Organization/{LAKESIDE}"


@dataclass
class Stream:
    """Events with canaries all over them, and what the engine said of them."""

    app: World
    canaries: Canaries
    told: list[str] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)

    async def come(
        self,
        event: EventType,
        data: object,
        *,
        source: str = PORTAL,
        key: str | None = None,
        headers: Headers | None = None,
    ) -> Record:
        """A record comes. Its key, its id, its subject and what else stands in its headers are canaries."""
        one = self.canaries.one
        said = CloudEvent(id=one(), source=source, type=event.name, subject=one())
        extra = ((f"ce_{one()}", one().encode()), (one(), one().encode()), (one(), b"\xff" + one().encode()))
        value = data if isinstance(data, bytes) else json.dumps(data).encode()
        given = headers if headers is not None else (*to_headers(said), *extra)
        record = self.app.events.append(event.topic, (key or one()).encode(), value, given)
        await self.take(record)
        return record

    async def take(self, record: Record) -> None:
        try:
            self.kinds.append((await self.app.take(record)).kind)
        except Unavailable as error:
            logging.getLogger("host.runner").error("%r", error)
        await self.app.settle()

    async def ask(self, method: str, path: str, body: object = None, who: str = OPERATOR) -> Any:
        reply = await self.app.send(method, path, body, who=who)
        self.told.append(f"{reply.status} {dict(reply.headers)} {reply.text}")
        await self.app.settle()
        return reply.json

    async def binary(self, body: object, owner: str = OWNER, **changes: Any) -> str:
        return await put_binary(self.app.fhir, body, owner, **changes)

    def request(self, sample: str, member: str) -> dict[str, Any]:
        bundle = self.canaries.request(sample_request(sample), member)
        self.cases.append(case_of(bundle))
        return bundle


@pytest.fixture
async def stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stream]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(JsonLines((tmp_path / "spans.jsonl").open("w"))))
    monkeypatch.setattr(activities.step, "TRACER", provider.get_tracer("activities"))
    monkeypatch.setattr(adapters.tracing, "_TRACER", provider.get_tracer("adapters"))
    monkeypatch.setattr(triggers.replays, "TRACER", provider.get_tracer("triggers"))
    store = SqliteStore(tmp_path / "hub.sqlite")
    canaries = Canaries()
    with logged(tmp_path / "log.jsonl"):
        telemetry = Telemetry(provider.get_tracer("host"))
        async with world(
            store=store, telemetry=telemetry, data=tmp_path, timers=True, event_sources=SOURCES, answer_seconds=0.3
        ) as app:
            yield Stream(app, canaries)
    provider.shutdown()


async def _good(stream: Stream, member: str) -> None:
    """A request, twice; a question and its answer; a decision; a changed Coverage."""
    bundle = stream.request("approved-at-once", member)
    data = {"organization": LAKESIDE, "request": await stream.binary(bundle)}
    await stream.take(await stream.come(REQUESTED, data))
    waiting = stream.request("information-requested", member)
    await stream.come(REQUESTED, {"organization": LAKESIDE, "request": await stream.binary(waiting)})
    tracking = (await stream.app.record(case_of(waiting))).tracking_number
    one = stream.canaries.one
    value = {"valueQuantity": {"value": 83.7319, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}
    sent = attachment(tracking, "59408-5", {**value, "note": [{"text": one()}]})
    await stream.come(ATTACHMENT, {"organization": LAKESIDE, "attachment": await stream.binary(sent)})
    denied = stream.request("denied-by-medical-director", member)
    await stream.come(REQUESTED, {"organization": LAKESIDE, "request": await stream.binary(denied)})
    task = await stream.app.task(case_of(denied))
    decision = {"decision": "deny", "reason": "criteria-not-met", "note": one()}
    said = {"task": f"Task/{task}", "decision": await stream.binary(decision, f"Task/{task}", kind="application/json")}
    await stream.come(DECISION_TAKEN, said, source=REVIEWER)
    await stream.come(COVERAGE_CHANGED, {"coverage": "Coverage/coverage-of-test"}, source=MEMBERSHIP)
    assert set(stream.kinds) <= {Kind.STARTED, Kind.EXISTS, Kind.RAISED, Kind.IGNORED}
    assert stream.kinds.count(Kind.STARTED) == 3
    assert stream.kinds.count(Kind.RAISED) >= 2


async def _poison(stream: Stream, member: str) -> None:
    """All that can be wrong with a record, and each time the canaries are where it is wrong."""
    one = stream.canaries.one
    for event in (REQUESTED, ATTACHMENT, DECISION_TAKEN, COVERAGE_CHANGED):
        await stream.come(event, one().encode())
        await stream.come(event, {one(): one()})
        await stream.come(event, {name: {one(): one()} for name in event.data.model_fields})
        await stream.come(event, {name: f"Binary/{one()}/{one()}" for name in event.data.model_fields})
        await stream.come(event, {}, source=one())
        await stream.come(event, {}, headers=((one(), one().encode()),))
        await stream.come(event, {}, headers=(("ce_type", event.name.encode()), ("ce_time", one().encode())))
        twice = (("ce_type", event.name.encode()), ("ce_id", one().encode()), ("CE_ID", one().encode()))
        await stream.come(event, {}, headers=twice)
    broken = stream.request("approved-at-once", member)
    broken[one()] = one()
    claim = broken["entry"][0]["resource"]
    claim[one()], claim["use"], claim["patient"] = one(), one(), {one(): one(), "reference": f"Patient/{one()}"}
    claim["item"][0]["servicedDate"], claim["item"][0][one()] = one(), {one(): [one()]}
    for body in (broken, one().encode(), {one(): one()}, {"resourceType": one()}, [one()]):
        await stream.come(REQUESTED, {"organization": LAKESIDE, "request": await stream.binary(body)})
        await stream.come(ATTACHMENT, {"organization": LAKESIDE, "attachment": await stream.binary(body)})
    late = attachment(one(), one(), {one(): one()})
    await stream.come(ATTACHMENT, {"organization": LAKESIDE, "attachment": await stream.binary(late)})
    await stream.come(ATTACHMENT, {"organization": one(), "attachment": await stream.binary(late, one())})
    review = stream.request("denied-by-medical-director", member)
    await stream.come(REQUESTED, {"organization": LAKESIDE, "request": await stream.binary(review)})
    task = f"Task/{await stream.app.task(case_of(review))}"
    hostile = {"decision": one(), one(): one(), f"{one()}. {one()}/{one()}": one(), "items": [{one(): one()}]}
    for body in (hostile, {"decision": "deny", "reason": one(), "note": one()}, one().encode()):
        held = await stream.binary(body, task, kind="application/json")
        await stream.come(DECISION_TAKEN, {"task": task, "decision": held}, source=REVIEWER)


async def _faults(stream: Stream, member: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A FHIR server that quotes what it was given; one that is away; a log that is away."""
    bundle = stream.request("approved-at-once", member)
    data = {"organization": LAKESIDE, "request": await stream.binary(bundle)}

    async def loses(entries: Any) -> Any:
        raise RuntimeError(f"cannot store {entries}")

    with monkeypatch.context() as patch:
        patch.setattr(stream.app.fhir, "transaction", loses)
        record = await stream.come(REQUESTED, data)
    assert stream.kinds[-1] is Kind.DEAD
    before = len(stream.kinds)
    with monkeypatch.context() as patch:
        patch.setattr(stream.app.events, "answers", False)
        await stream.come(REQUESTED, stream.canaries.one().encode())
    assert len(stream.kinds) == before, "kept, for the next try"
    await stream.ask("POST", "/replays", {"run": "r", "dry": True, "positions": [_named(record)]})


def _named(record: Record) -> dict[str, Any]:
    return {"topic": record.at.topic, "partition": record.at.partition, "offset": record.at.offset}


async def _operators(stream: Stream) -> None:
    """What waits behind poison, and all that operators do about it."""
    one, key = stream.canaries.one, stream.canaries.one()
    await stream.come(ATTACHMENT, one().encode(), key=key)
    for _ in range(3):
        await stream.come(ATTACHMENT, {one(): one()}, key=key)
    assert stream.kinds[-3:] == [Kind.PARKED] * 3
    for who in (OPERATOR, AUDITOR, SUBMITTER):
        await stream.ask("GET", "/dead-letters?count=200", who=who)
    await stream.ask("GET", f"/dead-letters?topic={one()}&page={one()}")
    await stream.ask("POST", f"/dead-letters/{one()}/redrive")
    for topic in INCOMING:
        for letter in letters(stream.app, topic):
            await stream.ask("POST", f"/dead-letters/{letter}/redrive")
    lane = next(each for each in (await stream.ask("GET", "/dead-letters?count=200"))["items"] if each["parked"])
    answer = await stream.ask("POST", f"/dead-letters/{lane['id']}/discard")
    assert (answer["letter"], answer["parked"]) == ("closed", 2)
    records = [record for topic in INCOMING for record in stream.app.events.records(topic)]
    for dry in (True, False):
        positions = [_named(record) for record in records[:100]]
        await stream.ask("POST", "/replays", {"run": "run", "dry": dry, "positions": positions})
    await stream.app.send("POST", "/admin/functions/audit_cases", {}, key=stream.app.host.keys.master)
    await stream.app.settle()


async def _cli(tmp_path: Path, cases: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    for words in (["instances"], *(["history", case] for case in cases), *(["events", case] for case in cases)):
        await asyncio.to_thread(main, [*words, "--data", str(tmp_path)])
    shown = capsys.readouterr()
    return shown.out + shown.err


async def test_no_canary_of_an_event_is_left_anywhere(
    stream: Stream,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, canaries = stream.app, stream.canaries
    member = canaries.one()
    await app.fhir.transaction(canaries.member(member))
    await _good(stream, member)
    good = len(stream.kinds)
    await _poison(stream, member)
    await _faults(stream, member, monkeypatch)
    reasons = {letter.reason for topic in INCOMING for letter in letters(app, topic).values()}
    assert reasons >= {"not-json", "not-of-schema", "unknown-source", "not-a-cloud-event", "malformed", "defect"}
    await _operators(stream)
    assert stream.kinds[good:].count(Kind.DEAD) > 40
    started = [case for case in dict.fromkeys(stream.cases) if await app.host.durable.hub.status(case)]
    shown = await _cli(tmp_path, started, capsys)

    incoming = "".join(_all(app, topic) for topic in INCOMING)
    assert len(canaries.found_in(incoming)) > 400, "the topics hold them: the search would find one"
    others = [topic for topic in app.events.topics if topic not in set(INCOMING)]
    assert {ATTACHMENT.topic + ".dead-letters", ATTACHMENT.topic + ".parked"} <= set(others)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert {"hub.sqlite", "hub.sqlite-wal", "log.jsonl", "spans.jsonl"} <= files.keys()
    assert b"event_lane" in files["hub.sqlite"] + files["hub.sqlite-wal"]
    assert b"is a dead letter" in files["log.jsonl"]
    histories = "".join([str(await app.host.durable.record(case)) for case in started])
    found = {f"topic {topic}": canaries.found_in(_all(app, topic)) for topic in others}
    found |= {name: canaries.found_in(content) for name, content in files.items()}
    found |= {"history": canaries.found_in(histories), "command line": canaries.found_in(shown)}
    found |= {f"answer {number}: {told}": canaries.found_in(told) for number, told in enumerate(stream.told)}
    found |= {"caplog": canaries.found_in(caplog.text)}
    assert {place: left for place, left in found.items() if left} == {}


def _all(app: World, topic: str) -> str:
    return "\n".join(str((each.key, each.value, each.headers)) for each in app.events.records(topic))
