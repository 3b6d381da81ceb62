"""``kill -9`` of the host amid many cases: after the restart each has exactly one decision, and nothing is doubled."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from signal import SIGKILL

import pytest

from samples.client import Answered, Client
from samples.response import told
from tests.faults import ledger as trails
from tests.faults.conftest import Build
from tests.faults.ledger import Ledger
from tests.faults.plant import AUTOMATIC, NURSE, REVIEWED, Plant, Request, submit_all

pytestmark = pytest.mark.integration
FULL = pytest.mark.fault


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("count", "kills"), [(20, 1), pytest.param(100, 3, marks=FULL)])
def test_every_case_ends_with_one_decision(build: Build, ledger: Ledger, tag: str, count: int, kills: int) -> None:
    requests = [Request.of((AUTOMATIC, REVIEWED)[n % 2], f"kill-{tag}-{n}") for n in range(count)]
    with build() as plant, Client(plant) as client:
        repeated = []
        for nth in range(kills):
            _kill_amid(plant, client, requests, after=(nth + 1) * count // (kills + 3))
            repeated.append(plant.unfinished_activities())
            plant.start_app()
        answers = submit_all(client, requests, 8)
        _check_current(requests, answers)
        _wait_settled(client, requests)
        found = ledger.trails(request.case for request in requests)
        wanted = {r.case: trails.AUTOMATIC if r.sample == AUTOMATIC else trails.IN_REVIEW for r in requests}
        assert found == wanted
        print(f"\n{count} cases, {kills} kills: {repeated} activities ran again, {ledger.rewritten()} wrote again")


def test_a_reviewed_case_survives_a_kill_after_each_answer(build: Build, ledger: Ledger, tag: str) -> None:
    request = Request.of(REVIEWED, f"kill-{tag}")
    with build() as plant, Client(plant) as client:
        assert _actions(request.send(client)) == {"1": "A4"}
        _restart(plant)
        task = client.open_task(NURSE, request.case)
        assert task is not None
        client.decide(NURSE, task["id"], {"decision": "approve"})
        _restart(plant)
        assert client.wait(request.case, {"approved"})["state"] == "approved"
        _wait_runtime(client, request.case, "Completed")
        assert _actions(request.send(client)) == {"1": "A1"}
        assert ledger.trails([request.case])[request.case] == trails.REVIEWED


def test_eight_equal_submits_at_the_same_moment_are_one_case(build: Build, ledger: Ledger, tag: str) -> None:
    request, barrier = Request.of(AUTOMATIC, f"equal-{tag}"), threading.Barrier(9)
    other = Request.of("authorization-not-required", f"equal-{tag}")
    assert other.case == request.case

    def send(each: Request) -> Answered:
        barrier.wait()
        answer = each.send(client)
        while answer.status == 503:  # a server that just started refuses some of its first writers
            time.sleep(0.2)
            answer = each.send(client)
        return answer

    with build() as plant, Client(plant) as client:
        with ThreadPoolExecutor(9) as pool:
            *equal, changed = pool.map(send, [*[request] * 8, other])
        by_status = {answer.status for answer in equal}
        # Whichever content came first has the identifiers; the other is a conflict.
        assert (by_status, changed.status) in (({200}, 409), ({409}, 200))
        winner, wanted = (request, {"1": "A1"}) if by_status == {200} else (other, {"1": "NA", "2": "NA"})
        assert [_actions(answer) for answer in (*equal, changed) if answer.status == 200].count(wanted) in (1, 8)
        assert len({str(told(answer.body)) for answer in equal if answer.status == 200}) <= 1
        _wait_runtime(client, winner.case, "Completed")
        assert ledger.trails([winner.case])[winner.case] == trails.AUTOMATIC


def _kill_amid(plant: Plant, client: Client, requests: list[Request], after: int) -> None:
    """Send all at once and kill the host when ``after`` of them are answered."""
    with ThreadPoolExecutor(len(requests)) as pool:
        sent = [pool.submit(request.try_, client) for request in requests]
        while sum(each.done() for each in sent) < after:
            time.sleep(0.01)
        plant.stop_app(SIGKILL)
        wait(sent)
    assert None in [each.result() for each in sent], "the host was killed too late: all were answered"


def _check_current(requests: list[Request], answers: list[Answered | None]) -> None:
    for request, answer in zip(requests, answers, strict=True):
        assert answer is not None
        assert answer.status == 200
        assert answer.case == request.case
        assert _actions(answer) == {"1": "A1" if request.sample == AUTOMATIC else "A4"}


def _wait_settled(client: Client, requests: list[Request]) -> None:
    for request in requests:
        if request.sample == AUTOMATIC:
            _wait_runtime(client, request.case, "Completed")
        else:
            assert client.wait(request.case, {"in-review"})["state"] == "in-review"


def _wait_runtime(client: Client, case: str, runtime: str, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while (standing := client.case(case)["standing"])["runtime"] != runtime:
        assert time.monotonic() < end, standing
        time.sleep(0.05)


def _restart(plant: Plant) -> None:
    plant.stop_app(SIGKILL)
    plant.start_app()


def _actions(answer: Answered) -> dict[str, str]:
    return dict(told(answer.body)["actions"])
