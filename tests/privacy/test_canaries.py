"""No direct identifier and no clinical text of a request is anywhere but in FHIR and in the submitter's own answers.

Cases of canaries go every way, errors included; then everything that the engine leaves behind is searched for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import activities.step
from adapters.rules.memory import Judgement
from domain.cases import CaseState
from host.cli.main import main
from host.model import Status
from host.spans import JsonLines
from host.store.sqlite import SqliteStore
from host.telemetry import Telemetry
from orchestrators.steps import BACKOFF
from tests.support.canaries import Canaries
from tests.support.logged import logged
from tests.support.samples import attachment
from tests.support.samples import request as sample_request
from tests.support.world import (
    AUDITOR,
    DIRECTOR,
    NURSE,
    OPERATOR,
    OTHER_DIRECTOR,
    OTHER_SUBMITTER,
    SUBMITTER,
    Reply,
    World,
    case_of,
    world,
)

ATTACH = "/fhir/$submit-attachment"
VALUE = {"value": 83.7319, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}


@dataclass
class Story:
    """The app with canaries, and what it said to others than the submitter that asked rightly."""

    app: World
    canaries: Canaries
    member: str
    sweeps: bool
    told: list[str] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)

    def request(self, sample: str, member: str | None = None) -> dict[str, Any]:
        bundle = self.canaries.request(sample_request(sample), member or self.member)
        self.cases.append(case_of(bundle))
        return bundle

    async def send(self, method: str, path: str, body: object = None, who: str | None = SUBMITTER) -> Reply:
        reply = await self.app.send(method, path, body, who=who)
        await self.app.settle()
        if reply.status >= 400 or who != SUBMITTER:
            self.told.append(f"{reply.status} {dict(reply.headers)} {reply.text}")
        return reply

    async def submit(self, bundle: Mapping[str, Any], who: str = SUBMITTER) -> Reply:
        return await self.send("POST", "/fhir/Claim/$submit", bundle, who)

    async def decide(self, case: str, decision: Mapping[str, Any], who: str = DIRECTOR) -> None:
        task = await self.app.task(case)
        assert (await self.send("POST", f"/tasks/{task}/decision", decision, who)).status == 200


@pytest.fixture(params=["sweeps", "days"])
async def story(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Story]:
    """Once with sweeps and the audit, and once over days, in which requests and deadlines expire."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(JsonLines((tmp_path / "spans.jsonl").open("w"))))
    monkeypatch.setattr(activities.step, "TRACER", provider.get_tracer("activities"))
    telemetry = Telemetry(provider.get_tracer("host"))
    store = SqliteStore(tmp_path / "hub.sqlite")
    sweeps = request.param == "sweeps"
    canaries = Canaries()
    with logged(tmp_path / "log.jsonl"):
        async with world(store=store, telemetry=telemetry, data=tmp_path, answer_seconds=0.3, timers=sweeps) as app:
            member = canaries.one()
            await app.fhir.transaction(canaries.member(member))
            yield Story(app, canaries, member, sweeps=sweeps)
    provider.shutdown()


async def _decisions(story: Story) -> None:
    """Approved, denied and appealed, with notes."""
    assert (await story.submit(story.request("approved-at-once"))).actions == ["A1"]
    bundle = story.request("denied-by-medical-director")
    assert (await story.submit(bundle)).actions == ["A4"]
    case = case_of(bundle)
    await story.send("GET", "/tasks", who=NURSE)
    await story.send("GET", f"/tasks/{await story.app.task(case)}", who=NURSE)
    await story.send("POST", f"/tasks/{await story.app.task(case)}/claim", who=DIRECTOR)
    denial = {"decision": "deny", "reason": "criteria-not-met", "note": story.canaries.one()}
    await story.decide(case, denial)
    name = (await story.app.response(case))["id"]
    assert (await story.send("POST", f"/fhir/ClaimResponse/{name}/$appeal")).status == 202
    (task,) = (await story.send("GET", "/tasks?queue=appeals", who=OTHER_DIRECTOR)).json["items"]
    story.cases.append(task["case"])
    await story.decide(task["case"], {"decision": "approve", "note": story.canaries.one()}, OTHER_DIRECTOR)


async def _information(story: Story) -> None:
    """Asked for, sent; and once it does not come."""
    bundle = story.request("information-requested")
    assert (await story.submit(bundle)).actions == ["A4"]
    tracking = (await story.app.record(case_of(bundle))).tracking_number
    sent = attachment(tracking, "59408-5", {"valueQuantity": VALUE, "note": [{"text": story.canaries.one()}]})
    sent["parameter"][2]["part"][0]["resource"]["id"] = story.canaries.one()
    assert (await story.send("POST", ATTACH, sent, OTHER_SUBMITTER)).status == 404
    broken = attachment(tracking, story.canaries.one(), {"misspelled": story.canaries.one()})
    assert (await story.send("POST", ATTACH, broken)).status == 400
    assert (await story.send("POST", ATTACH, sent)).status == 200
    assert (await story.send("POST", ATTACH, sent)).status == 409
    await story.submit(story.request("information-requested"))
    await story.submit(story.request("denied-by-medical-director"))
    if not story.sweeps:
        await story.app.advance(days=9)


async def _refusals(story: Story) -> None:
    """Duplicates, malformed bodies and curious callers."""
    bundle = story.request("approved-at-once")
    await story.submit(bundle)
    changed = {**bundle, "entry": [*bundle["entry"][:-1], {**bundle["entry"][-1], "link": []}]}
    changed["entry"][0]["resource"]["created"] = "2026-11-21"
    assert (await story.submit(changed)).status == 409
    broken = story.request("approved-at-once")
    claim = broken["entry"][0]["resource"]
    claim["misspelled"] = story.canaries.one()
    claim["use"], claim["patient"] = story.canaries.one(), {"reference": f"Patient/{story.canaries.one()}"}
    claim["item"][0]["servicedDate"] = story.canaries.one()
    assert (await story.submit(broken)).status == 400
    assert (await story.send("POST", "/fhir/Claim/$submit", story.canaries.one().encode())).status == 400
    assert (await story.submit(bundle, "nurse-rivera")).status == 403
    case, secret = case_of(bundle), story.canaries.one()
    curious = ((OTHER_SUBMITTER, case), (NURSE, case), (NURSE, secret), (AUDITOR, ""))
    for who, path in ((who, f"/cases/{name}".rstrip("/")) for who, name in curious):
        await story.send("GET", path, who=who)
    await story.send("GET", f"/cases?colour={secret}&remaining={secret}", who=OPERATOR)
    found = await story.send("POST", "/cases/_search", {"member": story.member}, OPERATOR)
    assert len(found.json["items"]) > 3
    await story.send("POST", "/cases/_search", {"member": {"name": secret}, "state": secret}, OPERATOR)
    await story.submit(story.request("ineligible-member-unknown", story.canaries.one()))


async def _faults(story: Story) -> None:
    """Away and back; a judge, a receiver and a FHIR server that quote what they were given."""
    app = story.app
    app.rules.available = False
    bundle = story.request("approved-expedited")
    await story.submit(bundle)
    await app.advance(seconds=sum(each.total_seconds() for each in BACKOFF))
    await story.send("GET", "/cases?state=parked", who=OPERATOR)
    app.rules.available = True
    assert (await story.send("POST", f"/cases/{case_of(bundle)}/resume", who=OPERATOR)).status == 202

    def quotes(facts: Mapping[str, Any]) -> Judgement:
        raise ValueError(f"cannot judge {facts} of {story.member}")

    judge = app.rules._judges["medical-necessity", "1.0.0"]
    app.rules.register("medical-necessity", "1.0.0", quotes)
    failing = story.request("approved-at-once")
    await story.submit(failing)
    assert (await app.status(case_of(failing))).status is Status.FAILED
    app.rules.register("medical-necessity", "1.0.0", judge)

    async def loses(entries: Any) -> Any:
        raise RuntimeError(f"cannot store {entries}")

    write, app.fhir.transaction = app.fhir.transaction, loses  # type: ignore[method-assign]
    lost = await story.submit(story.request("approved-at-once"))
    assert (lost.status, lost.code) == (500, "internal")
    app.fhir.transaction = write  # type: ignore[method-assign]


async def _cli(tmp_path: Path, cases: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    data = ["--data", str(tmp_path)]
    await asyncio.to_thread(main, ["instances", *data])
    await asyncio.to_thread(main, ["instances", "--json", *data])
    for case in cases:
        await asyncio.to_thread(main, ["history", case, *data])
        await asyncio.to_thread(main, ["events", case, *data])
    shown = capsys.readouterr()
    return shown.out + shown.err


async def test_no_canary_is_left_anywhere(
    story: Story, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    app, canaries = story.app, story.canaries
    await _decisions(story)
    await _information(story)
    await _refusals(story)
    await _faults(story)
    if story.sweeps:
        await app.advance(minutes=2)
        await app.send("POST", "/admin/functions/audit_cases", {}, key=app.host.keys.master)
        await app.settle()
    started = [case for case in dict.fromkeys(story.cases) if await app.host.durable.hub.status(case)]
    states = {(await app.record(case)).state for case in started}
    late = CaseState.IN_REVIEW if story.sweeps else CaseState.DEEMED
    assert states >= {CaseState.APPROVED, CaseState.DENIED, CaseState.INELIGIBLE, late}
    shown = await _cli(tmp_path, started, capsys)
    assert all(case in shown for case in started)

    histories = [str(await app.host.durable.record(case)) for case in started]
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert {"hub.sqlite", "hub.sqlite-wal", "log.jsonl", "spans.jsonl"} <= files.keys()
    assert b"take_decision" in files["hub.sqlite-wal"] + files["hub.sqlite"]
    assert b"record_decision" in files["spans.jsonl"]
    assert b"unexpected" in files["log.jsonl"], "the failing judge was logged"
    assert len(canaries.all) > 500
    assert len(canaries.found_in(str(app.fhir._store))) > 300, "FHIR holds them: the search would find one"
    found = {name: canaries.found_in(content) for name, content in files.items()}
    found |= {"history": canaries.found_in("".join(histories)), "command line": canaries.found_in(shown)}
    assert len(story.told) > 20
    found |= {f"answer {number}: {told}": canaries.found_in(told) for number, told in enumerate(story.told)}
    found |= {"caplog": canaries.found_in(caplog.text)}
    assert {place: left for place, left in found.items() if left} == {}
