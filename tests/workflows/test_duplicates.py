"""The same request again: at the same moment, after the decision, with other content, by a rerun of its instance."""

from __future__ import annotations

import asyncio
import json

import pytest

from domain.cases import CaseState
from host.errors import AlreadyRunning
from host.model import Status
from host.options import Compat
from tests.support.samples import request, resource
from tests.support.world import OTHER_SUBMITTER, World, case_of

BUNDLE = request("approved-at-once")
CASE = case_of(BUNDLE)


async def _versions(app: World) -> dict[str, int]:
    """How many versions of each resource there are, audit included."""
    kinds = ("Bundle", "Claim", "ClaimResponse", "Task", "Communication", "AuditEvent")
    found = [f"{each['resourceType']}/{each['id']}" for kind in kinds for each in await app.all(kind)]
    return {name: len(await app.fhir.history(name)) for name in found}


async def test_two_at_the_same_moment_are_one_case(app: World) -> None:
    replies = await asyncio.gather(*(app.submit(BUNDLE) for _ in range(6)))
    assert [reply.status for reply in replies] == [200] * 6
    assert {tuple(reply.actions) for reply in replies} == {("A1",)}
    assert len({reply.response["id"] for reply in replies}) == 1
    await app.settle()
    assert [len(await app.all(kind)) for kind in ("Claim", "ClaimResponse", "Task")] == [1, 1, 1]
    assert len(await app.fhir.history(f"ClaimResponse/{replies[0].response['id']}")) == 2
    assert await app.notices(CASE) == ["decided"]


async def test_after_the_decision_the_current_answer_is_given(app: World) -> None:
    first = await app.submit(BUNDLE)
    await app.settle()
    before = await _versions(app)
    await app.advance(days=3)
    again = await app.submit(BUNDLE)
    assert (again.status, again.response) == (200, first.response)
    await app.settle()
    after = await _versions(app)
    (audit,) = after.keys() - before.keys()
    assert (await app.fhir.read(audit))["action"] == "R", "that the answer was read"
    assert {name: after[name] for name in before} == before


async def test_noise_is_no_other_content(app: World) -> None:
    first = await app.submit(BUNDLE)
    noisy = {**BUNDLE, "id": "another", "timestamp": "2026-11-23T16:00:00Z", "meta": {"source": "http://x.example.org"}}
    again = await app.submit(json.dumps(noisy, indent=3).encode())
    assert (again.status, again.response) == (200, first.response)


async def test_other_content_under_the_same_identifiers_is_a_conflict(app: World) -> None:
    await app.submit(BUNDLE)
    await app.settle()
    before = await _versions(app)
    changed = request("approved-at-once")
    resource(changed, "Claim")["item"][0]["quantity"]["value"] = 2
    refused = await app.submit(changed)
    assert (refused.status, refused.code) == (409, "duplicate")
    await app.settle()
    assert await _versions(app) == before


async def test_another_submitter_with_the_same_identifiers_has_another_case(app: World) -> None:
    await app.submit(BUNDLE)
    other = await app.submit(BUNDLE, who=OTHER_SUBMITTER)
    assert (other.status, other.actions) == (200, ["A1"])
    assert len(await app.all("Claim")) == 2
    assert case_of(BUNDLE, "hillview-supply") != CASE


async def test_a_completed_instance_that_is_started_again_writes_nothing(app: World, compat: Compat) -> None:
    await app.submit(BUNDLE)
    await app.settle()
    first = await app.status(CASE)
    before = await _versions(app)
    await app.advance(hours=1)
    record = (await app.record(CASE)).reference
    start = app.host.durable.hub.start("prior-authorization", json.dumps({"record": record}), CASE)
    if compat == "fixed":
        with pytest.raises(AlreadyRunning):
            await start
        return
    await start
    again = await app.status(CASE)
    assert again.execution_id != first.execution_id, "durable reruns a completed instance"
    assert json.loads(again.output or "") == {"state": "approved", "actions": []}
    assert again.status is Status.COMPLETED
    assert await _versions(app) == before
    assert (await app.record(CASE)).state is CaseState.APPROVED
