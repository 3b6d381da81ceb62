"""*take-decision* runs again when its answer was lost."""

from __future__ import annotations

from typing import Any

import pytest

from host.invocation import Invocation
from host.invoker import AppInvoker
from tests.support.samples import request
from tests.support.world import DIRECTOR, case_of, world

BUNDLE = request("denied-by-medical-director")


async def test_a_second_run_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    invoke = AppInvoker.invoke

    async def twice(self: AppInvoker, invocation: Invocation) -> Any:
        if invocation.name == "take_decision":
            await invoke(self, invocation)
        return await invoke(self, invocation)

    monkeypatch.setattr(AppInvoker, "invoke", twice)
    async with world() as app:
        await app.submit(BUNDLE)
        await app.decide(case_of(BUNDLE), {"decision": "approve"}, who=DIRECTOR)
        assert (await app.submit(BUNDLE)).actions == ["A1"]
        events = await app.all("AuditEvent")
        (taken,) = [e for e in events if e["entity"][0]["detail"][0]["valueString"] == "take-decision"]
        assert taken["meta"]["versionId"] == "1"
