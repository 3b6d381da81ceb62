"""Real prior authorizations, shown in a real Camunda: all samples, though mirror and engine are killed meanwhile, and a
review that a person completes in Tasklist."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from selenium.webdriver import Chrome

import stack
from samples.cases import run, samples, source
from samples.client import Client
from samples.engine import Engine
from stack.options import CAMUNDA_FULL, NAMES
from tests.mirror.webapps import Operate, Tasklist
from tests.ports import free_port
from tests.stack.camunda import camunda_options
from tests.stack.servers import kill, until

pytestmark = pytest.mark.integration
QUICK = {
    "WORKFLOW_MIRROR_LEASE_SECONDS": "10",
    "WORKFLOW_MIRROR_SWEEP_SECONDS": "10",
    "WORKFLOW_MIRROR_QUIET_SECONDS": "0.5",
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The whole engine with Camunda in its full size, and the mirror."""
    folder = tmp_path_factory.mktemp("shown")
    options = replace(
        camunda_options(folder / "data", only=NAMES + CAMUNDA_FULL),
        rules_port=free_port(),
        fhir_port=free_port(),
        kafka_port=free_port(),
        registry_port=free_port(),
    )
    made = Engine(data=options.data, port=free_port(), options=options, witness_port=0, mirrors=False)
    with made:
        made.start_mirror(**QUICK)
        yield made


@pytest.fixture(scope="module")
def client(engine: Engine) -> Iterator[Client]:
    with Client(engine) as client:
        yield client


def _log(engine: Engine) -> str:
    return engine.log.with_name("mirror.log").read_text()[-3000:]


@pytest.mark.timeout(600)
def test_all_samples_are_shown_as_they_went(engine: Engine, client: Client) -> None:
    wanted = samples()
    for number, sample in enumerate(wanted):
        assert run(client, sample).wrong == []
        if number == len(wanted) // 3:
            assert engine.mirror is not None
            engine.mirror.kill()
            kill(engine.options, "camunda")
        if number == 2 * len(wanted) // 3:
            stack.up(engine.options)
            engine.start_mirror(**QUICK)
    with engine.inspector() as inspector:
        count = inspector.count(180.0)
    assert count.others == (), _log(engine)
    assert count.cases > len(wanted) // 2


def _pended(client: Client) -> str:
    """A case of its own that waits for a reviewer."""
    sample = next(each for each in samples() if each["case"] == "pended-then-approved")
    bundle = json.loads(source(sample).read_text())
    bundle["identifier"]["value"] += f"-{time.time_ns()}"
    case = client.send(sample["as"], "/fhir/Claim/$submit", json.dumps(bundle).encode()).case
    assert case is not None
    return case


@pytest.mark.browser
@pytest.mark.timeout(400)
def test_a_review_completed_in_tasklist_decides_the_case(
    engine: Engine, client: Client, browser: Chrome, pictures: Path
) -> None:
    case = _pended(client)
    assert engine.watched is not None
    witness = engine.watched.witness
    until(lambda: len(witness.shown(case)) == 1)
    (shown,) = witness.shown(case)
    until(lambda: shown.active["clinical-review"] == 1)
    base = engine.servers.operate_url.removesuffix("/operate")
    operate = Operate(browser, base)
    operate.sign_in()
    operate.open(shown.key)
    operate.await_marked("clinical-review")
    operate.picture(pictures / "operate-review.png")
    until(lambda: _review(engine, shown.key) is not None)
    tasklist = Tasklist(browser, base)
    tasklist.sign_in()
    tasklist.open(int(str(_review(engine, shown.key))))
    tasklist.assign()
    tasklist.choose("Decision", "Approve")
    tasklist.complete()
    decided = client.wait(case, {"approved"}, 90.0)
    assert decided["claimResponse"]
    until(lambda: shown.ended == "completed")
    assert shown.flows["reviewed"] == 1, "by the user task's own end"
    assert shown.flows["reviewed-elsewhere"] == 0
    operate.open(shown.key)
    operate.picture(pictures / "operate-decided.png")


def _review(engine: Engine, instance: int) -> str | None:
    """Key of the open review of a process instance."""
    wanted = {"filter": {"processInstanceKey": instance, "state": "CREATED"}}
    url = f"{engine.servers.camunda_url}/v2/user-tasks/search"
    found = httpx.post(url, json=wanted, timeout=60, trust_env=False).raise_for_status().json()["items"]
    return str(found[0]["key"]) if found else None
