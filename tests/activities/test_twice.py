"""Every activity may run more than once (a worker dies after it wrote): the second run changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from domain.events.catalog import Topic
from domain.events.cloud_event import read_attributes
from host.invocation import Invocation
from host.invoker import AppInvoker
from tests.support.recordings import WAYS
from tests.support.world import World, world

KINDS = ("Bundle", "Claim", "ClaimResponse", "Task", "Communication", "CommunicationRequest", "Observation", "Patient")


async def _stored(app: World) -> Counter[str]:
    """Every version of every resource, as text; of AuditEvents how many there are (a second run reads more)."""
    found = Counter({"AuditEvent": len(await app.all("AuditEvent"))})
    for kind in KINDS:
        for resource in await app.all(kind):
            for version in await app.fhir.history(f"{kind}/{resource['id']}"):
                found[json.dumps({**version, "meta": version["meta"]["versionId"]}, sort_keys=True)] += 1
    return found


def _told(app: World) -> dict[str, str]:
    """What each idempotency key told the submitter."""
    return {each.notification_id: json.dumps(each.body, sort_keys=True) for each in app.notifier.delivered}


def _said(app: World) -> dict[str, bytes | None]:
    """What each event told others, by its id."""
    return {read_attributes(each.headers).id: each.value for each in app.events.records(Topic.EVENTS)}


async def _gone(name: str) -> tuple[Counter[str], dict[str, str], int, dict[str, bytes | None]]:
    async with world(answer_seconds=0.2) as app:
        await WAYS[name](app)
        await app.settle()
        return await _stored(app), _told(app), len(app.notifier.delivered), _said(app)


@pytest.mark.parametrize("name", sorted(WAYS))
async def test_an_activity_that_runs_twice_writes_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stored, told, deliveries, said = await _gone(name)
    invoke = AppInvoker.invoke

    async def twice(self: AppInvoker, invocation: Invocation) -> Any:
        if invocation.kind == "activity":
            await invoke(self, invocation)
        return await invoke(self, invocation)

    monkeypatch.setattr(AppInvoker, "invoke", twice)
    stored_again, told_again, deliveries_again, said_again = await _gone(name)
    assert stored_again - stored == Counter()
    assert stored - stored_again == Counter()
    assert told_again == told
    assert deliveries_again == deliveries, "the receiver is not told again"
    assert said_again == said, "readers drop copies by the id"
