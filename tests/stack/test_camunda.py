"""The real engine: a process is deployed, started and worked by REST, nothing is lost, nobody outside reaches it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import stack
from stack.records import Records, records
from tests.stack.camunda import camunda_options
from tests.stack.listening import addresses, datagram_ports
from tests.stack.servers import kill, open_to_others, start, until

pytestmark = pytest.mark.integration

PROCESS = """<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="tests" id="definitions"
    xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <bpmn:process id="work" isExecutable="true">
    <bpmn:startEvent id="begin" />
    <bpmn:sequenceFlow id="one" sourceRef="begin" targetRef="step" />
    <bpmn:serviceTask id="step">
      <bpmn:extensionElements><zeebe:taskDefinition type="=kind" /></bpmn:extensionElements>
    </bpmn:serviceTask>
    <bpmn:sequenceFlow id="two" sourceRef="step" targetRef="days" />
    <bpmn:intermediateCatchEvent id="days">
      <bpmn:timerEventDefinition>
        <bpmn:timeDuration xsi:type="bpmn:tFormalExpression">P3D</bpmn:timeDuration>
      </bpmn:timerEventDefinition>
    </bpmn:intermediateCatchEvent>
    <bpmn:sequenceFlow id="three" sourceRef="days" targetRef="end" />
    <bpmn:endEvent id="end" />
  </bpmn:process>
</bpmn:definitions>
"""


@pytest.fixture(scope="module")
def sink() -> Iterator[Records]:
    with records() as server:
        yield server


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory, sink: Records) -> Iterator[stack.Options]:
    """An engine of this module's own, because it is killed."""
    options = camunda_options(tmp_path_factory.mktemp("camunda"), exporter_url=sink.url, clock_controlled=True)
    start(options)
    yield options
    stack.down(options)


@dataclass(frozen=True)
class Engine:
    """The REST API as these tests use it."""

    servers: stack.Servers
    client: httpx.Client

    def deploy(self) -> None:
        self.client.post("/deployments", files={"resources": ("work.bpmn", PROCESS)}).raise_for_status()

    def create(self, kind: str) -> int:
        """A process instance whose job is of type ``kind``; returns its key."""
        started = {"processDefinitionId": "work", "variables": {"kind": kind}}
        key: int = self.client.post("/process-instances", json=started).raise_for_status().json()["processInstanceKey"]
        return key

    def job(self, kind: str) -> dict[str, Any]:
        """The one open job of type ``kind``."""
        wanted = {"type": kind, "timeout": 1000, "maxJobsToActivate": 10, "requestTimeout": 60_000}
        (job,) = self.client.post("/jobs/activation", json=wanted, timeout=90).raise_for_status().json()["jobs"]
        return dict(job)

    def complete(self, job: dict[str, Any]) -> int:
        return self.client.post(f"/jobs/{job['key']}/completion", json={}).status_code

    def pass_days(self, days: int) -> None:
        offset = {"offsetMilli": days * 86_400_000}
        self.client.post(f"{self.servers.camunda_management_url}/clock/add", json=offset).raise_for_status()


@contextmanager
def running(options: stack.Options) -> Iterator[Engine]:
    """Start the engine unless it runs."""
    servers = stack.up(options)
    with httpx.Client(base_url=f"{servers.camunda_url}/v2", timeout=60, trust_env=False) as client:
        yield Engine(servers, client)


@pytest.fixture
def engine(options: stack.Options) -> Iterator[Engine]:
    with running(options) as engine:
        engine.deploy()
        yield engine


def completed(sink: Records, instance: int) -> list[str]:
    """The elements that were completed, in order, each once."""
    found = sink.of("PROCESS_INSTANCE", "ELEMENT_COMPLETED", instance)
    return list({each["position"]: each["value"]["elementId"] for each in found}.values())


def test_an_instance_runs_to_its_end_and_its_records_arrive(engine: Engine, sink: Records) -> None:
    instance = engine.create("usual")
    job = engine.job("usual")
    assert (job["processInstanceKey"], job["elementId"]) == (instance, "step")
    assert engine.complete(job) == 204
    assert engine.complete(job) == 404
    until(lambda: bool(sink.of("TIMER", "CREATED", instance)))
    engine.pass_days(3)
    until(lambda: "work" in completed(sink, instance))
    assert completed(sink, instance) == ["begin", "step", "days", "end", "work"]


def test_instances_outlive_a_stop_and_a_kill(options: stack.Options, engine: Engine, sink: Records) -> None:
    stopped = engine.create("stopped")
    stack.down(options)
    with running(options) as engine:
        killed = engine.create("killed")
    kill(options, "camunda")
    with running(options) as engine:
        for kind, instance in (("stopped", stopped), ("killed", killed)):
            job = engine.job(kind)
            assert job["processInstanceKey"] == instance
            assert engine.complete(job) == 204
    until(lambda: all("step" in completed(sink, instance) for instance in (stopped, killed)))


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="listeners are read from /proc")
def test_it_listens_on_loopback_only(options: stack.Options, engine: Engine) -> None:
    state = stack.status(options)[0]
    assert state.pid is not None
    assert addresses(state.pid) == {"127.0.0.1"}
    assert options.camunda_internal_port not in datagram_ports(state.pid), "the gossip of a cluster"


def test_its_files_are_the_owners_alone(options: stack.Options, engine: Engine) -> None:
    assert open_to_others(options.data / "camunda") == []
    assert open_to_others(options.data / "tmp" / "camunda") == []
    assert open_to_others(options.data / "logs" / "camunda.log") == []
