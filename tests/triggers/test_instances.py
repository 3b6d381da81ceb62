"""The thin face of the SDK's client: how long it waits, and what it says when the task hub is away."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import azure.durable_functions as df
import pytest

from domain.errors import Unavailable
from tests.support.samples import request
from tests.support.world import START, World, case_of
from triggers import hub_pages
from triggers.instances import ENDED, Instances


@dataclass
class SlowHub:
    """A client whose every look takes a while, and whose instance never gets anywhere."""

    seconds: float
    looks: int = 0

    async def get_status(self, instance_id: str) -> Any:
        self.looks += 1
        await asyncio.sleep(self.seconds)
        running = df.OrchestrationRuntimeStatus.Running
        return SimpleNamespace(
            instance_id=instance_id,
            name="x",
            runtime_status=running,
            custom_status=None,
            created_time=None,
            last_updated_time=None,
        )


@dataclass
class NoHub:
    _orchestration_bindings: Any = field(default_factory=lambda: SimpleNamespace(rpc_base_url="http://127.0.0.1:9/"))

    async def get_status(self, instance_id: str, **show: bool) -> Any:
        raise ConnectionError(instance_id)


def instances(client: object) -> Instances:
    return Instances(cast(df.DurableOrchestrationClient, client))


async def test_the_wait_for_an_answer_ends_by_the_clock_however_long_each_look_takes() -> None:
    hub, begin = SlowHub(0.1), time.monotonic()
    standing = await instances(hub).until_answerable("i", 0.3)
    assert standing is not None
    assert standing.open
    assert time.monotonic() - begin >= 0.3
    assert hub.looks <= 4


async def test_a_task_hub_that_is_away_is_unavailable() -> None:
    for asked in (instances(NoHub()).find("i"), instances(NoHub()).history("i"), instances(NoHub()).list()):
        with pytest.raises(Unavailable, match="durable"):
            await asked


async def test_every_page_of_the_task_hub_is_read(door: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_pages, "PAGE", 2)
    bundles = [request("denied-by-medical-director", number=str(n)) for n in range(5)]
    for bundle in bundles:
        await door.submit(bundle)
    await door.settle()
    assert {each.id for each in await door.instances.list()} == {case_of(each) for each in bundles}
    assert [each.id for each in await door.instances.list(prefix="appeal")] == []
    assert await door.instances.list(since=START + timedelta(seconds=1)) == []
    assert len(await door.instances.list(since=START)) == 5
    assert await door.instances.list(states=ENDED) == []
