"""Operate and Tasklist beside the real engine: what runs is seen, and a task is completed by a person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import stack
from stack.options import CAMUNDA_FULL
from tests.stack.camunda import camunda_options
from tests.stack.listening import addresses
from tests.stack.servers import open_to_others, start, until

pytestmark = pytest.mark.integration

PROCESS = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="tests" id="definitions"
    xmlns:zeebe="http://camunda.org/schema/zeebe/1.0">
  <bpmn:process id="asking" isExecutable="true">
    <bpmn:startEvent id="begin" />
    <bpmn:sequenceFlow id="one" sourceRef="begin" targetRef="ask" />
    <bpmn:userTask id="ask">
      <bpmn:extensionElements><zeebe:userTask /></bpmn:extensionElements>
    </bpmn:userTask>
    <bpmn:sequenceFlow id="two" sourceRef="ask" targetRef="end" />
    <bpmn:endEvent id="end" />
  </bpmn:process>
</bpmn:definitions>
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Servers]:
    options = camunda_options(tmp_path_factory.mktemp("webapps"), only=CAMUNDA_FULL)
    yield start(options)
    stack.down(options)


@pytest.fixture
def engine(servers: stack.Servers) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{servers.camunda_url}/v2", timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def person(servers: stack.Servers) -> Iterator[httpx.Client]:
    """Signed in at Operate and Tasklist."""
    base = servers.operate_url.removesuffix("/operate")
    with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
        answer = client.post("/api/login", data={"username": "demo", "password": "demo"}).raise_for_status()
        client.headers["X-CSRF-TOKEN"] = answer.headers["X-CSRF-TOKEN"]
        yield client


def test_a_person_completes_a_task_and_operate_shows_the_end(engine: httpx.Client, person: httpx.Client) -> None:
    engine.post("/deployments", files={"resources": ("asking.bpmn", PROCESS)}).raise_for_status()
    started = engine.post("/process-instances", json={"processDefinitionId": "asking"}).raise_for_status()
    instance: int = started.json()["processInstanceKey"]

    def state() -> str | None:
        wanted = {"filter": {"key": instance}}
        found = person.post("/v1/process-instances/search", json=wanted).raise_for_status().json()["items"]
        return found[0]["state"] if found else None

    def tasks() -> list[str]:
        wanted = {"processInstanceKey": str(instance), "state": "CREATED"}
        return [task["id"] for task in person.post("/v1/tasks/search", json=wanted).raise_for_status().json()]

    until(lambda: state() == "ACTIVE" and len(tasks()) == 1)
    (task,) = tasks()
    person.patch(f"/v1/tasks/{task}/assign", json={}).raise_for_status()
    person.patch(f"/v1/tasks/{task}/complete", json={}).raise_for_status()
    until(lambda: state() == "COMPLETED" and not tasks())


def test_the_engine_answers_searches_itself(engine: httpx.Client) -> None:
    until(lambda: bool(engine.post("/user-tasks/search", json={}).raise_for_status().json()["items"]))


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="listeners are read from /proc")
def test_they_listen_on_loopback_only(servers: stack.Servers) -> None:
    states = servers.states()
    assert [state.name for state in states] == ["opensearch", "camunda", "webapps"]
    for state in states:
        assert state.pid is not None
        assert addresses(state.pid) == {"127.0.0.1"}, state.name


def test_their_files_are_the_owners_alone(servers: stack.Servers) -> None:
    assert open_to_others(servers.options.data / "opensearch") == []
    assert open_to_others(servers.options.data / "logs" / "webapps.log") == []
