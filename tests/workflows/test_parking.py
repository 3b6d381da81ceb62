"""A dependency that stays away: backoff, parking, resume. Nothing is lost, and the clock goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.cases import CaseState
from domain.errors import Unavailable
from host.model import Status
from orchestrators.steps import BACKOFF
from tests.support.samples import request
from tests.support.world import AUDITOR, DIRECTOR, NURSE, OPERATOR, START, World, case_of, world

BUNDLE = request("approved-at-once")
CASE = case_of(BUNDLE)
REVIEWED = request("denied-by-medical-director")
PATIENCE = sum(BACKOFF, timedelta())


async def _parked(app: World) -> list[str]:
    listed = await app.send("GET", "/cases?state=parked", who=OPERATOR)
    assert listed.status == 200
    assert listed.json["total"] == len(listed.json["items"])
    return [item["id"] for item in listed.json["items"]]


async def _submit_while_rules_are_away(app: World, bundle: dict[str, object] = BUNDLE) -> None:
    app.rules.available = False
    reply = await app.submit(bundle)
    assert (reply.status, reply.actions) == (200, ["A4"]), "intake works while the rules service is down"


async def test_a_short_absence_is_waited_out(app: World) -> None:
    await _submit_while_rules_are_away(app)
    await app.advance(seconds=8)
    app.rules.available = True
    await app.advance(seconds=8)
    assert (await app.status(CASE)).status is Status.COMPLETED
    assert (await app.submit(BUNDLE)).actions == ["A1"]


async def test_a_long_absence_parks_the_case_until_an_operator_resumes_it(app: World) -> None:
    await _submit_while_rules_are_away(app)
    await app.advance(seconds=PATIENCE.total_seconds() - 1)
    assert await _parked(app) == []
    await app.advance(seconds=1)
    assert await _parked(app) == [CASE]
    app.rules.available = True
    await app.advance(hours=5)
    assert (await app.record(CASE)).state is CaseState.RECEIVED, "a parked case waits for a person"
    resumed = await app.send("POST", f"/cases/{CASE}/resume", who=OPERATOR)
    assert (resumed.status, resumed.json) == (202, {"id": CASE, "resumed": "open-case"})
    await app.settle()
    assert (await app.record(CASE)).state is CaseState.APPROVED
    assert await _parked(app) == []
    assert (await app.record(CASE)).received_at == START


async def test_a_resume_is_audited(app: World) -> None:
    await _submit_while_rules_are_away(app)
    await app.advance(hours=1)
    app.rules.available = True
    await app.send("POST", f"/cases/{CASE}/resume", who=OPERATOR)
    (event,) = [e for e in await app.all("AuditEvent") if e["agent"][0]["who"]["identifier"]["value"] == OPERATOR]
    case, record = event["entity"]
    assert (case["detail"][0]["valueString"], case["what"]["identifier"]["value"]) == ("resume", CASE)
    assert record["what"]["reference"] == (await app.record(CASE)).reference


async def test_a_case_is_resumed_while_the_fhir_server_is_away(
    app: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await _submit_while_rules_are_away(app)
    await app.advance(hours=1)
    monkeypatch.setattr(app.fhir, "transaction", _away)
    assert (await app.send("POST", f"/cases/{CASE}/resume", who=OPERATOR)).status == 202
    assert f"case {CASE}: resumed by {OPERATOR}, without an AuditEvent" in caplog.messages


async def test_a_case_that_is_resumed_too_early_parks_again(app: World) -> None:
    await _submit_while_rules_are_away(app)
    await app.advance(hours=1)
    assert (await app.send("POST", f"/cases/{CASE}/resume", who=OPERATOR)).status == 202
    await app.advance(hours=1)
    assert await _parked(app) == [CASE]
    app.rules.available = True
    assert (await app.send("POST", f"/cases/{CASE}/resume", who=OPERATOR)).status == 202
    await app.settle()
    assert (await app.status(CASE)).status is Status.COMPLETED


async def test_who_may_resume_what(app: World) -> None:
    await app.submit(BUNDLE)
    for who, case, status, code in (
        (NURSE, CASE, 403, "role"),
        (AUDITOR, CASE, 403, "role"),
        (OPERATOR, CASE, 409, "not-parked"),
        (OPERATOR, "prior-authorization-none", 404, "case"),
    ):
        refused = await app.send("POST", f"/cases/{case}/resume", who=who)
        assert (refused.status, refused.code) == (status, code)


async def test_escalations_and_expiry_happen_while_a_case_is_parked(app: World) -> None:
    await app.submit(REVIEWED)
    case = case_of(REVIEWED)
    app.host.durable.fail("take_decision", len(BACKOFF) + 1, RuntimeError("unavailable:fhir"))
    await app.decide(case, {"decision": "approve"}, who=DIRECTOR)
    await app.advance(hours=1)
    assert await _parked(app) == [case]
    await app.advance(days=8)
    assert [code for code, _ in await app.escalations()] == ["clock-50", "clock-75", "clock-90", "clock-100"]
    assert (await app.record(case)).state is CaseState.DEEMED
    assert (await app.send("POST", f"/cases/{case}/resume", who=OPERATOR)).status == 202
    await app.settle()
    assert (await app.record(case)).state is CaseState.APPROVED
    assert await app.notices(case) == ["deemed", "decided"]


async def test_a_receiver_that_stays_away_parks_the_notice_after_the_decision(app: World) -> None:
    app.notifier.answers = False
    assert (await app.submit(BUNDLE)).actions == ["A1"], "the decision does not wait for the notice"
    await app.advance(hours=1)
    assert await _parked(app) == [CASE]
    assert (await app.custom(CASE))["step"] == "notify-provider"
    assert await app.notices(CASE) == []
    app.notifier.answers = True
    assert (await app.send("POST", f"/cases/{CASE}/resume", who=OPERATOR)).json["resumed"] == "notify-provider"
    await app.settle()
    assert (await app.status(CASE)).status is Status.COMPLETED
    (told,) = app.notifier.delivered
    (notice,) = await app.all("Communication")
    assert (told.notification_id, notice["status"]) == (notice["id"], "completed")


async def test_a_defect_fails_the_instance_and_it_is_listed_and_resumed(app: World) -> None:
    app.host.durable.fail("determine", 1, RuntimeError("defect:rules-refused"))
    assert (await app.submit(BUNDLE)).actions == ["A4"]
    status = await app.status(CASE)
    assert status.status is Status.FAILED
    assert "rules-refused" in (status.output or "")
    assert await _parked(app) == [CASE]
    assert (await app.send("POST", f"/cases/{CASE}/resume", who=OPERATOR)).status == 202
    await app.settle()
    assert (await app.record(CASE)).state is CaseState.APPROVED


async def test_a_fhir_server_that_is_away_is_told_at_the_door() -> None:
    async with world() as app:
        app.fhir.transaction = _away  # type: ignore[method-assign]
        refused = await app.submit(BUNDLE)
        assert (refused.status, refused.code) == (503, "fhir")
        assert refused.headers["Retry-After"] == "10"
        assert await app.host.durable.hub.status(CASE) is None


async def _away(entries: object) -> list[dict[str, object]]:
    raise Unavailable("fhir")
