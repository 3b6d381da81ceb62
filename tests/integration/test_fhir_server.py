"""The FHIR server of the stack itself: conditional writes, restart, quiet logs, seeding."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

import stack
from stack import processes
from stack.seed import seed
from tests.ports import free_port

pytestmark = pytest.mark.integration
CANARY = "zebracanary"


@pytest.fixture
async def client(servers: stack.Servers) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=servers.fhir_url, headers={"Content-Type": "application/fhir+json"}, timeout=60, trust_env=False
    ) as client:
        yield client


async def test_a_plain_put_may_ask_that_nothing_is_there(client: httpx.AsyncClient) -> None:
    body = {"resourceType": "Patient", "id": str(uuid4())}
    statuses = [
        (await client.put(f"/Patient/{body['id']}", json=body, headers={"If-None-Match": "*"})).status_code
        for _ in range(2)
    ]
    assert statuses == [201, 412]


async def test_one_of_many_creations_at_once_wins(client: httpx.AsyncClient) -> None:
    body = {"resourceType": "Patient", "id": str(uuid4())}
    create = [client.put(f"/Patient/{body['id']}", json=body, headers={"If-None-Match": "*"}) for _ in range(12)]
    statuses = sorted([response.status_code for response in await asyncio.gather(*create)])
    assert statuses[0] == 201
    assert set(statuses[1:]) <= {409, 412}
    history = (await client.get(f"/Patient/{body['id']}/_history")).json()
    assert len(history["entry"]) == 1


async def test_it_listens_on_this_machine_only(servers: stack.Servers) -> None:
    port = int(servers.fhir_url.split(":")[2].partition("/")[0])
    sockets = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    listening = [line.split()[1] for line in sockets.splitlines() if line.split()[3] == "0A"]
    assert [address for address in listening if address.endswith(f":{port:04X}")] in (
        [f"0100007F:{port:04X}"],
        [f"0000000000000000FFFF00000100007F:{port:04X}"],
    )


def test_a_folder_is_seeded_once(servers: stack.Servers, tmp_path: Path) -> None:
    ids = [str(uuid4()) for _ in range(3)]
    patients = [{"resourceType": "Patient", "id": each, "active": True} for each in ids]
    (tmp_path / "one.json").write_text(json.dumps(patients[0]))
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in patients[1:]]}
    (tmp_path / "two.json").write_text(json.dumps(bundle))
    assert [seed(servers.fhir_url, tmp_path) for _ in range(2)] == [3, 3]
    for each in ids:
        stored = httpx.get(f"{servers.fhir_url}/Patient/{each}", trust_env=False).json()
        assert stored["meta"]["versionId"] == "1"


def test_what_was_acknowledged_survives_a_kill_and_the_log_says_nothing_of_it(tmp_path: Path) -> None:
    options = stack.Options(data=tmp_path, only=("fhir",), fhir_port=free_port())
    body = {"resourceType": "Patient", "id": "kept", "name": [{"family": CANARY}]}
    try:
        with httpx.Client(base_url=stack.up(options).fhir_url, timeout=60, trust_env=False) as client:
            assert client.put("/Patient/kept", json=body, headers={"If-None-Match": "*"}).status_code == 201
            assert [response.status_code for response in _provoke(client, body)] == [412, 409, 400, 400, 404]
            for number in range(20):
                note = {"resourceType": "Communication", "id": f"n{number}", "status": "completed"}
                assert client.put(f"/Communication/n{number}", json=note).status_code == 201
            _kill(options)
        with httpx.Client(base_url=stack.up(options).fhir_url, timeout=60, trust_env=False) as client:
            kept = client.get("/Patient/kept").json()
            assert (kept["name"], kept["meta"]["versionId"]) == (body["name"], "1")
            assert client.get("/Communication/n19").status_code == 200
    finally:
        stack.down(options)
    log = (tmp_path / "logs" / "fhir.log").read_text()
    assert CANARY not in log
    assert "kept" not in log
    assert sorted(path.name for path in (tmp_path / "fhir").iterdir()) == ["fhir.mv.db", "schema-created"]


def _kill(options: stack.Options) -> None:
    running = processes.recall(options.data / "fhir.pid")
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    processes.wait_ended(running, 10, lambda: None)


def _provoke(client: httpx.Client, body: Mapping[str, object]) -> list[httpx.Response]:
    return [
        client.put("/Patient/kept", json=body, headers={"If-None-Match": "*"}),
        client.put("/Patient/kept", json={**body, "active": True}, headers={"If-Match": 'W/"7"'}),
        client.put("/Patient/kept", json={**body, "birthDate": CANARY}),
        client.post("/Patient/_search", data={CANARY: CANARY}),
        client.get(f"/Patient/{CANARY}"),
    ]
