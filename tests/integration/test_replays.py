"""Replay, dead letters and the case board from the command line, on the real broker, FHIR server and engine."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from adapters.events.kafka_log import KafkaLog
from domain.events.catalog import REQUESTED, Topic
from domain.pas.request import parse
from events.projection import Board, Row
from samples.arrivals import content
from samples.cases import samples
from samples.client import Client
from samples.engine import Engine
from samples.operate import operate
from stack.options import ROOT

pytestmark = pytest.mark.integration
SOURCE = "urn:example:source:lakeside-portal"
OWNER = "Organization/lakeside-clinic"


@pytest.fixture(scope="module")
def client(app_host: Engine) -> Iterator[Client]:
    with Client(app_host) as client:
        yield client


def tool(engine: Engine, *arguments: str) -> tuple[int, str]:
    """``python -m events``: its exit code and what it says."""
    given = {"WORKFLOW_KAFKA_BROKERS": engine.servers.kafka_brokers, "WORKFLOW_PUBLIC_URL": engine.url}
    command = [sys.executable, "-m", "events", *arguments, "--data", str(engine.data)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **given}, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def too_early(client: Client) -> tuple[str, str]:
    """An event whose Binary is not there when the engine takes it, and is there later; its key and its case."""
    number = f"late-{uuid4().hex}"
    (sample,) = [one for one in samples() if one["case"] == "event-approved-at-once"]
    body = content({**sample, "event": {**sample["event"], "number": number}})
    held = client.outside.hold(number, body, "Organization/somebody-else")
    known = len(client.letters(Topic.REQUESTS, "reference"))
    client.outside.publish(REQUESTED, SOURCE, number, number, {"organization": "lakeside-clinic", "request": held})
    end = time.monotonic() + 60
    while len(client.letters(Topic.REQUESTS, "reference")) == known:
        assert time.monotonic() < end, "no letter"
        time.sleep(0.1)
    client.outside.hold(number, body, OWNER)
    return number, parse(body).key("lakeside-clinic").instance_id()


def test_what_came_too_early_is_replayed(client: Client, app_host: Engine) -> None:
    number, case = too_early(client)
    chosen = ("replay", Topic.REQUESTS, "--from=-1h", "--type=prior-authorization.*", f"--key={number}")
    code, said = tool(app_host, *chosen)
    assert (code, "1 started" in said, "GO=1" in said) == (0, True, True), said
    assert client.find(case) is None, "a dry run starts nothing"
    code, said = tool(app_host, *chosen, "--go", "--run", "late")
    assert (code, "1 started" in said, case in said) == (0, True, True), said
    assert client.wait(case, {"approved"})["state"] == "approved"
    code, said = tool(app_host, *chosen, "--go")
    assert (code, "1 exists" in said) == (0, True), said
    assert number not in said, "keys are not told"


def test_a_replay_by_offsets_of_poison_is_told_and_fails(client: Client, app_host: Engine) -> None:
    key = uuid4().hex
    client.outside.publish(REQUESTED, SOURCE, key, key, {"organization": "lakeside-clinic"})
    assert client.outside.wait_read(Topic.REQUESTS, 60)
    code, said = tool(app_host, "replay", Topic.REQUESTS, "--offsets=0-", f"--key={key}")
    assert (code, "1 rejected: not-of-schema" in said, "$.request" in said) == (1, True, True), said


def test_a_dead_letter_is_listed_redriven_and_given_up(
    client: Client, app_host: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    _, case = too_early(client)
    mine = client.letters(Topic.REQUESTS, "reference")[0]["id"]
    assert operate(app_host, "letters", "") == 0
    assert mine in capsys.readouterr().out
    assert operate(app_host, "redrive", mine) == 0
    assert f"{mine} is closed; 1 handled" in capsys.readouterr().out
    assert client.wait(case, {"approved"})["state"] == "approved"
    for each in client.letters(Topic.REQUESTS):
        assert operate(app_host, "discard", each["id"]) == 0
    assert client.letters(Topic.REQUESTS) == []
    assert operate(app_host, "redrive", mine) == 1
    assert "no open dead letter" in capsys.readouterr().err


def test_the_board_tells_what_the_engine_tells_and_rebuilds_to_the_same(client: Client, app_host: Engine) -> None:
    _, case = too_early(client)
    assert operate(app_host, "redrive", client.letters(Topic.REQUESTS, "reference")[0]["id"]) == 0
    wanted = client.wait(case, {"approved"})
    end = time.monotonic() + 60
    while (row := _rows(app_host).get(case)) is None or row.state != "approved":
        assert time.monotonic() < end, row
        time.sleep(0.2)
    assert row.received_at is not None
    assert (row.submitter, row.on_time, row.received_at.isoformat()) == ("lakeside-clinic", True, wanted["received"])
    before = _rows(app_host)
    code, said = tool(app_host, "board", "--rebuild")
    assert (code, "approved" in said) == (0, True), said
    after = _rows(app_host)
    assert {name: after[name] for name in before} == before


def _rows(engine: Engine) -> dict[str, Row]:
    async def read() -> dict[str, Row]:
        log, board = KafkaLog({"bootstrap.servers": engine.servers.kafka_brokers}), Board(engine.data / "board.sqlite")
        try:
            await board.update(log)
            return {row.case: row for row in board.rows()}
        finally:
            board.close()
            await log.aclose()

    return asyncio.run(read())
