"""Operate and Tasklist in headless Chromium: where a case stands, and the review that a person completes there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from selenium.webdriver import Chrome

import stack
from domain.refusals import sentence
from mirror import form
from stack.options import CAMUNDA_FULL
from tests.mirror.by_hand import ByHand
from tests.mirror.webapps import INCIDENTS, Operate, Tasklist
from tests.stack.camunda import camunda_options
from tests.stack.servers import start, until

pytestmark = [pytest.mark.integration, pytest.mark.browser]


@pytest.fixture(scope="module")
def servers(chromium: Chrome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Servers]:
    """Not started where there is no browser."""
    options = camunda_options(tmp_path_factory.mktemp("webapps"), only=CAMUNDA_FULL)
    try:
        yield start(options)
    finally:
        stack.down(options)


@pytest.fixture(scope="module")
def hand(servers: stack.Servers) -> Iterator[ByHand]:
    """All models are deployed, and Tasklist knows their forms: a task that it sees before its form never has one."""
    with httpx.Client(base_url=f"{servers.camunda_url}/v2", timeout=60, trust_env=False) as engine:
        hand = ByHand(engine)
        forms = hand.deploy()
        until(lambda: _known(servers, forms))
        yield hand


def _known(servers: stack.Servers, forms: list[str]) -> bool:
    """Asked of Tasklist's store, because Tasklist itself shows a form with a task only."""
    index = f"http://127.0.0.1:{servers.options.opensearch_port}/tasklist-form-*/_count"
    answer = httpx.post(index, json={"query": {"terms": {"id": forms}}}, trust_env=False).raise_for_status()
    return bool(answer.json()["count"] == len(forms) > 0)


def _base(servers: stack.Servers) -> str:
    return servers.operate_url.removesuffix("/operate")


@pytest.fixture
def operate(browser: Chrome, servers: stack.Servers) -> Operate:
    return Operate(browser, _base(servers))


@pytest.fixture
def tasklist(browser: Chrome, servers: stack.Servers) -> Tasklist:
    return Tasklist(browser, _base(servers))


@pytest.fixture
def case() -> str:
    return f"prior-authorization-{uuid4().hex}"


def test_operate_shows_a_case_on_its_element(hand: ByHand, operate: Operate, case: str, pictures: Path) -> None:
    instance = hand.begin(case)
    operate.sign_in()
    operate.open(instance)
    operate.await_marked("open-case")
    assert operate.marked() == {"open-case"}
    hand.to_review(case)
    operate.await_marked("clinical-review")
    assert "open-case" not in operate.marked()
    assert operate.marked(INCIDENTS) == set()
    operate.picture(pictures / "operate-case.png")


MODIFY = {
    "decision": "modify",
    "reason": "criteria-not-met",
    "quantity": 2.0,
    "start": "2026-12-01",
    "end": "2027-01-31",
}
ASK = {"decision": "request-information", "information": ["59408-5", "2708-6"]}


@pytest.mark.parametrize("body", [MODIFY, ASK, {"decision": "approve"}], ids=lambda body: str(body["decision"]))
def test_a_person_completes_a_review(
    hand: ByHand, tasklist: Tasklist, operate: Operate, case: str, body: dict[str, Any], pictures: Path
) -> None:
    instance = hand.begin(case)
    task = hand.to_review(case)
    tasklist.sign_in()
    tasklist.open(task)
    tasklist.assign()
    assert case in tasklist.text
    _fill(tasklist, body)
    tasklist.picture(pictures / f"tasklist-{body['decision']}.png")
    tasklist.complete()
    job = hand.job(case, "durable.usertask.end")
    assert form.decision(job["variables"]) == body
    (completed,) = hand.user_tasks("clinical-review", "COMPLETED", instance)
    assert (completed["assignee"], completed["elementInstanceKey"]) == ("demo", job["elementInstanceKey"])
    hand.complete(job)
    operate.sign_in()
    operate.open(instance)
    operate.await_marked("take-decision")
    assert "clinical-review" not in operate.marked()


def _fill(tasklist: Tasklist, body: dict[str, Any]) -> None:
    match body["decision"]:
        case "modify":
            tasklist.choose("Decision", "Authorize less (medical director)")
            tasklist.choose("Reason", "Criteria are not met")
            tasklist.write("Quantity", "2")
            tasklist.write("Start-date", "12/01/2026")
            tasklist.write("End-date", "01/31/2027")
        case "request-information":
            tasklist.choose("Decision", "Ask the provider")
            tasklist.write("Information", "59408-5, 2708-6")
        case _:
            tasklist.choose("Decision", "Approve")


def _told(tasklist: Tasklist, task: int, *words: str) -> bool:
    """Whether its form says so, opened now: Tasklist may know of a task sooner than of its variables."""
    tasklist.open(task)
    return all(each in tasklist.text for each in words)


def test_whose_decision_was_refused_reads_why(hand: ByHand, tasklist: Tasklist, case: str) -> None:
    told = {"durableId": case, "person": "demo", "code": "medical-director"}
    hand.publish("decision-refused", case, told)
    task = hand.user_task("read-why")
    tasklist.sign_in()
    until(lambda: _told(tasklist, task, case, sentence("medical-director")))
    tasklist.complete()
    hand.user_tasks("read-why", "COMPLETED")
