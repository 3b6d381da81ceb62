"""Health, status and what operators ask."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from host.app import AppIndex, load_app
from host.model import InstanceQuery, Page
from host.store.faults import DamagedFile
from host.store.memory import MemoryStore
from host.testing_http import HttpHost, http_host


async def test_health_is_open(host: HttpHost) -> None:
    for path in ("/health/live", "/health/ready"):
        async with host.client.get(path) as response:
            assert response.status == 200


async def test_readiness_is_the_apps_own_if_it_has_one(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}')
    (tmp_path / "ready_app.py").write_text(
        "import azure.functions as func\napp = func.FunctionApp(func.AuthLevel.ANONYMOUS)\n"
        "@app.route('health/ready')\ndef f(req: func.HttpRequest) -> str:\n    return 'mine'\n"
    )
    app = load_app(tmp_path, {"PYTHON_SCRIPT_FILE_NAME": "ready_app.py"})
    async with http_host(app) as host, host.client.get("/health/ready") as response:
        assert await response.text() == "mine"


@pytest.mark.parametrize(
    "path", ["/admin/host/status", "/admin/instances", "/admin/instances/x", "/admin/instances/x/history"]
)
async def test_admin_needs_the_master_key(host: HttpHost, path: str) -> None:
    for key in ("", host.keys.host, host.keys.system):
        async with host.client.get(path, params={"code": key}) as response:
            assert response.status == 401


async def test_status(host: HttpHost) -> None:
    async with host.client.get("/admin/host/status", params={"code": host.keys.master}) as response:
        status = await response.json()
    assert (status["state"], status["errors"]) == ("Running", [])
    assert {"name": "tick", "trigger": "timerTrigger"} in status["functions"]


async def test_why_an_instance_waits(host: HttpHost) -> None:
    await host.durable.hub.start("Approval", "1", "w")
    await host.durable.settled("w")
    async with host.client.get("/admin/instances", params={"code": host.keys.master}) as response:
        (found,) = await response.json()
    assert found["waitsForEvents"] == {"decided": 1}
    assert found["waitsForTasks"] == []
    assert (found["heldEvents"], found["code"], found["turn"], found["failure"]) == ({}, None, None, None)
    assert "input" not in found


async def test_a_failure_is_that_of_the_activity(host: HttpHost) -> None:
    await host.durable.hub.start("failing", "1", "f")
    await host.durable.settled("f")
    async with host.client.get("/admin/instances/f", params={"code": host.keys.master}) as response:
        failure = (await response.json())["failure"]
    assert (failure["type"], failure["of"], failure["instanceId"]) == ("ValueError", "activity fail", "f")
    assert failure["frames"][-1].endswith(":fail")
    assert "canary" not in str(failure)


async def test_events_that_are_held_are_told_on_demand(host: HttpHost) -> None:
    await host.durable.hub.start("Approval", "1", "w")
    await host.durable.settled("w")
    await host.durable.raise_event("w", "early")
    for query, held in (({}, {}), ({"replay": "true"}, {"early": 1})):
        async with host.client.get("/admin/instances/w", params={"code": host.keys.master, **query}) as response:
            assert (await response.json())["heldEvents"] == held


async def test_a_host_that_drains_is_not_ready(host: HttpHost) -> None:
    await host.server.drain()
    async with host.client.get("/health/ready") as response:
        assert (response.status, await response.json()) == (503, {"status": "draining"})
    async with host.client.get("/admin/host/status", params={"code": host.keys.master}) as response:
        assert (await response.json())["state"] == "Stopping"
    async with host.client.get("/health/live") as response:
        assert response.status == 200


class FaultyStore(MemoryStore):
    """Not well as long as it is told so."""

    trouble: str | None = None

    @property
    def fault(self) -> str | None:
        return self.trouble


async def test_a_host_whose_store_is_not_well_is_not_ready(app: AppIndex) -> None:
    store = FaultyStore()
    async with http_host(app, store=store) as host:
        store.trouble = "the disk is full"
        async with host.client.get("/health/ready") as response:
            assert (response.status, await response.json()) == (503, {"status": "fault", "reason": "the disk is full"})
        async with host.client.get("/admin/host/status", params={"code": host.keys.master}) as response:
            status = await response.json()
        assert (status["state"], status["errors"]) == ("Error", ["the disk is full"])
        store.trouble = None
        async with host.client.get("/health/ready") as response:
            assert response.status == 200


class DamagedStore(MemoryStore):
    """Whose instances cannot be read."""

    async def query(self, query: InstanceQuery) -> Page:
        raise DamagedFile


async def test_a_request_that_meets_a_fault_of_the_store_is_told_which(app: AppIndex) -> None:
    async with http_host(app, store=DamagedStore()) as host:
        for path in ("/admin/instances", "/runtime/webhooks/durabletask/instances"):
            async with host.client.get(path, params={"code": host.keys.master}) as response:
                answer = response.status, (await response.json())["Message"]
            assert answer == (503, "The store is not well: the database file is damaged.")


async def test_recording_and_history(host: HttpHost) -> None:
    await host.durable.hub.start("sequence", "1", "r")
    await host.durable.settled("r")
    key = {"code": host.keys.master}
    async with host.client.get("/admin/instances/r/recording", params=key) as response:
        recording = await response.json()
    async with host.client.get("/admin/instances/r/history", params=key) as response:
        assert await response.json() == recording["history"]
    assert (recording["format"], recording["name"], recording["input"]) == (1, "sequence", "1")
    async with host.client.get("/admin/instances/none/recording", params=key) as response:
        assert response.status == 404


async def test_virtual_clock_is_moved(host: HttpHost) -> None:
    before = host.durable.clock.now()
    key = {"code": host.keys.master}
    async with host.client.post("/admin/clock/advance", params=key, json={"seconds": 3600}) as response:
        assert response.status == 200
    assert host.durable.clock.now() - before == timedelta(hours=1)
    for data in ("x", '{"seconds": 1e15}', '{"seconds": 1e300}', '{"seconds": NaN}'):
        async with host.client.post("/admin/clock/advance", params=key, data=data) as response:
            assert response.status == 400
