"""A server freezes, is stopped or dies in mid-flow and comes back: cases wait, nothing is lost, the log tells once."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import pytest

import stack
from adapters.events.kafka import KafkaLog
from adapters.events.security import brokers
from domain.events.catalog import Topic
from domain.events.cloud_event import read_attributes
from samples.client import Client
from samples.response import told
from settings import Settings
from tests.faults import ledger as trails
from tests.faults.conftest import Build
from tests.faults.ledger import Ledger
from tests.faults.plant import AUTOMATIC, OPERATOR, SUBMITTER, Plant, Request, submit_all

pytestmark = pytest.mark.integration
FULL = pytest.mark.fault
Outage = Callable[[stack.Servers, str], AbstractContextManager[None]]
SETTINGS = {"WORKFLOW_TIMEOUT_SECONDS": "5", "WORKFLOW_SWEEP_GRACE_SECONDS": "30"}
CASES = 12
PATIENCE = 120.0
"""Seconds that a case may take to go on: the pauses between tries grow with the outage."""


@contextmanager
def frozen(servers: stack.Servers, name: str) -> Iterator[None]:
    """The server keeps its connections and answers nothing (SIGSTOP)."""
    pid = _pid(servers, name)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def stopped(servers: stack.Servers, name: str) -> Iterator[None]:
    """The server is stopped and started again."""
    only = replace(servers.options, only=(name,))
    stack.down(only)
    try:
        yield
    finally:
        stack.up(only)


@contextmanager
def killed(servers: stack.Servers, name: str) -> Iterator[None]:
    """The server dies at once and is started again."""
    os.kill(_pid(servers, name), signal.SIGKILL)
    try:
        yield
    finally:
        stack.up(replace(servers.options, only=(name,)))


def _pid(servers: stack.Servers, name: str) -> int:
    pid = next(state.pid for state in servers.states() if state.name == name)
    assert pid
    return pid


def _lengths(short: float) -> list[object]:
    return [
        pytest.param(frozen, short, id=f"frozen-{short:.0f}s"),
        pytest.param(killed, 1.0, id="killed"),
        pytest.param(frozen, 60.0, id="frozen-60s", marks=FULL),
        pytest.param(stopped, 60.0, id="stopped-60s", marks=FULL),
    ]


@pytest.mark.parametrize(("outage", "seconds"), _lengths(8.0))
def test_cases_wait_for_the_rules_service(
    build: Build, servers: stack.Servers, ledger: Ledger, tag: str, outage: Outage, seconds: float
) -> None:
    requests = [Request.of(AUTOMATIC, f"rules-{tag}-{n}") for n in range(CASES)]
    with build(WORKFLOW_ANSWER_SECONDS="1", **SETTINGS) as plant, Client(plant) as client:
        _warm_up(plant, client, tag)
        with outage(servers, "rules"):
            end = time.monotonic() + seconds
            for answer in submit_all(client, requests, CASES):
                assert answer is not None
                assert answer.status == 200
                assert told(answer.body)["actions"] == {"1": "A4"}
            time.sleep(max(0.0, end - time.monotonic()))
        _wait_completed(plant, client, requests)
        assert ledger.trails(_ids(requests)) == dict.fromkeys(_ids(requests), trails.AUTOMATIC)
        _said_once(plant, "rules service")


@pytest.mark.parametrize(("outage", "seconds"), _lengths(8.0))
def test_cases_wait_for_the_fhir_server(
    build: Build, servers: stack.Servers, ledger: Ledger, tag: str, outage: Outage, seconds: float
) -> None:
    requests = [Request.of(AUTOMATIC, f"fhir-{tag}-{n}") for n in range(CASES)]
    with build(WORKFLOW_ANSWER_SECONDS="0", **SETTINGS) as plant, Client(plant) as client:
        _warm_up(plant, client, tag)
        submit_all(client, requests[: CASES // 2], CASES)  # these are in flight when the server goes
        with outage(servers, "fhir"):
            end = time.monotonic() + seconds
            with ThreadPoolExecutor(CASES) as pool:
                list(pool.map(lambda request: _check_unavailable(plant, request), requests))
            time.sleep(max(0.0, end - time.monotonic()))
        for request in requests:
            plant.until(lambda request=request: request.send(client).status == 200)  # type: ignore[misc]
        _wait_completed(plant, client, requests)
        assert ledger.trails(_ids(requests)) == dict.fromkeys(_ids(requests), trails.AUTOMATIC)
        _said_once(plant, "FHIR server")


@pytest.mark.parametrize(
    ("outage", "seconds"),
    [pytest.param(frozen, 8.0, id="frozen-8s"), pytest.param(killed, 1.0, id="killed", marks=FULL)],
)
def test_decisions_do_not_wait_for_the_event_log(
    build: Build, servers: stack.Servers, ledger: Ledger, tag: str, outage: Outage, seconds: float
) -> None:
    requests = [Request.of(AUTOMATIC, f"log-{tag}-{n}") for n in range(CASES)]
    with build(**SETTINGS) as plant, Client(plant) as client:
        _warm_up(plant, client, tag)
        with outage(servers, "kafka"):
            end = time.monotonic() + seconds
            for answer in submit_all(client, requests, CASES):
                assert answer is not None
                assert told(answer.body)["actions"] == {"1": "A1"}
            time.sleep(max(0.0, end - time.monotonic()))
        _wait_completed(plant, client, requests)
        assert ledger.trails(_ids(requests)) == dict.fromkeys(_ids(requests), trails.AUTOMATIC)
        assert len(plant.said("The event log is unavailable")) <= 1
    said = asyncio.run(_published(servers))
    assert [said[case] for case in _ids(requests)] == [["received", "decided"]] * CASES


async def _published(servers: stack.Servers) -> dict[str, list[str]]:
    """What others were told of each case, in order; copies of an event are dropped, as readers do."""
    log = KafkaLog(brokers(Settings(kafka_brokers=servers.kafka_brokers)), timeout=60)
    said: dict[str, dict[str, str]] = defaultdict(dict)
    for partition, (start, end) in (await log.bounds(Topic.EVENTS)).items():
        while page := await log.read(Topic.EVENTS, partition, start, end):
            for record in page:
                event = read_attributes(record.headers)
                said[(record.key or b"").decode()][event.id] = event.type.split(".")[1]
            start = page[-1].at.offset + 1
    await log.aclose()
    return {case: list(events.values()) for case, events in said.items()}


def test_a_case_that_waited_in_vain_is_parked_and_resumed(
    build: Build, servers: stack.Servers, ledger: Ledger, tag: str
) -> None:
    request = Request.of(AUTOMATIC, f"park-{tag}")
    settings = {**SETTINGS, "WORKFLOW_TIMEOUT_SECONDS": "2"}
    with build("--clock", "virtual", WORKFLOW_ANSWER_SECONDS="1", **settings) as plant, Client(plant) as client:
        with frozen(servers, "rules"):
            assert told(request.send(client).body)["actions"] == {"1": "A4"}
            plant.advance(600)
            assert plant.get(OPERATOR, "/cases?state=parked")["items"][0]["id"] == request.case
        standing = client.case(request.case)["standing"]
        assert (standing["parked"], standing["step"], standing["waitingFor"]) == (True, "open-case", "operator")
        resumed = plant.post(OPERATOR, f"/cases/{request.case}/resume")
        assert resumed is not None
        assert resumed.status_code == 202
        _wait_completed(plant, client, [request])
        assert plant.get(OPERATOR, "/cases?state=parked")["items"] == []
        assert ledger.trails([request.case])[request.case] == trails.AUTOMATIC
        _said_once(plant, "rules service")


def _warm_up(plant: Plant, client: Client, tag: str) -> None:
    """A server's first transactions take longer than the app waits here."""
    first = [Request.of(AUTOMATIC, f"warm-{tag}-{n}") for n in range(4)]
    for request in first:
        plant.until(lambda request=request: request.send(client).status == 200)  # type: ignore[misc]
    _wait_completed(plant, client, first)


def _check_unavailable(plant: Plant, request: Request) -> None:
    answer = plant.post(SUBMITTER, "/fhir/Claim/$submit", request.bundle)
    assert answer is not None
    assert answer.status_code == 503
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert answer.headers["Retry-After"] == "10"


def _wait_completed(plant: Plant, client: Client, requests: list[Request]) -> None:
    for request in requests:
        plant.until(
            lambda case=request.case: client.case(case)["standing"]["runtime"] == "Completed",  # type: ignore[misc]
            PATIENCE,
        )
        assert client.case(request.case)["state"] == "approved"


def _said_once(plant: Plant, server: str) -> None:
    """One line when the outage began and one when it ended, however many calls of however many cases failed."""

    def ended() -> bool:
        plant.get(OPERATOR, "/cases")
        return f"The {server} answers again" in plant.log.read_text()

    if server == "FHIR server":
        plant.until(ended)
    lines = [line for line in plant.log.read_text().splitlines() if " WARNING " in line or " ERROR " in line]
    assert 1 <= len(lines) <= 2, lines
    assert f"The {server} is unavailable" in lines[0]
    assert all(f"The {server} answers again" in line for line in lines[1:])


def _ids(requests: list[Request]) -> list[str]:
    return [request.case for request in requests]
