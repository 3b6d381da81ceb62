"""A host that dies or an answer that is lost in the gap between FHIR and durable: nothing is lost, nothing doubled."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import stack
from domain.case import resource_id, tracking_number
from samples.client import Client
from tests.faults import ledger as trails
from tests.faults.conftest import Build
from tests.faults.ledger import Ledger, Trail
from tests.faults.plant import ASKED, AUTOMATIC, NURSE, REVIEWED, SUBMITTER, Plant, Request
from tests.faults.proxy import FhirProxy, Moment, Strike
from tests.support.samples import attachment

pytestmark = pytest.mark.integration
FULL = pytest.mark.fault
SATURATION = {"valueQuantity": {"value": 84, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}


@dataclass(frozen=True)
class Gap:
    """The transaction of one step of one way through the workflow."""

    sample: str
    step: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.step}-{self.nth}" if self.nth > 1 else self.step


GAPS = (
    Gap(AUTOMATIC, "submit"),
    Gap(AUTOMATIC, "record-decision"),
    Gap(AUTOMATIC, "notify-provider"),
    Gap(AUTOMATIC, "close-case"),
    Gap(REVIEWED, "open-review"),
    Gap(REVIEWED, "review", 1),
    Gap(REVIEWED, "review", 2),
    Gap(REVIEWED, "take-decision"),
    Gap(REVIEWED, "record-decision"),
    Gap(ASKED, "request-information"),
    Gap(ASKED, "attach"),
)
WANTED: dict[str, Trail] = {AUTOMATIC: trails.AUTOMATIC, REVIEWED: trails.REVIEWED, ASKED: trails.INFORMED}
POINTS = [
    *[("before-commit", n) for n in (1, 4)],
    *[("after-commit", n) for n in (2, 9)],
    *[("after-activity", n) for n in (1, 7)],
    ("before-entity-commit", 1),
]
MORE_POINTS = [
    *[("before-commit", n) for n in (2, 3, *range(5, 30))],
    *[("after-commit", n) for n in (1, *range(3, 9), *range(10, 16))],
    *[("after-activity", n) for n in (*range(2, 7), *range(8, 12))],
    ("before-entity-commit", 2),
]


@pytest.fixture(scope="module")
def proxy(servers: stack.Servers) -> Iterator[FhirProxy]:
    made = FhirProxy(servers.fhir_url)
    yield made
    made.close()


@pytest.fixture(scope="module")
def proxied(build_once: Build, proxy: FhirProxy) -> Iterator[Plant]:
    """A host whose FHIR traffic passes through the proxy; the tests of this module take turns to kill it."""
    with build_once(WORKFLOW_FHIR_URL=proxy.url) as plant:
        yield plant


@pytest.mark.parametrize("gap", GAPS, ids=str)
def test_killed_when_fhir_has_committed(proxied: Plant, proxy: FhirProxy, ledger: Ledger, gap: Gap) -> None:
    """Nobody sends anything again: after the restart the record alone brings the case on."""
    proxied.revive()
    proxy.plan(Strike(gap.step, "after", lambda: _kill(proxied), gap.nth))
    assert _walked(proxied, ledger, gap.sample, "after") == WANTED[gap.sample]
    assert proxy.struck


@FULL
@pytest.mark.parametrize("gap", GAPS, ids=str)
def test_killed_before_fhir_has_committed(proxied: Plant, proxy: FhirProxy, ledger: Ledger, gap: Gap) -> None:
    proxied.revive()
    proxy.plan(Strike(gap.step, "before", lambda: _kill(proxied), gap.nth))
    assert _walked(proxied, ledger, gap.sample, "before") == WANTED[gap.sample]
    assert proxy.struck


@pytest.mark.parametrize("gap", GAPS, ids=str)
def test_the_answer_of_fhir_is_lost(proxied: Plant, proxy: FhirProxy, ledger: Ledger, gap: Gap) -> None:
    """The app takes the write for failed and tries again: it finds what it wrote."""
    proxied.revive()
    proxy.plan(Strike(gap.step, "after", lambda: None, gap.nth))
    assert _walked(proxied, ledger, gap.sample, "after") == WANTED[gap.sample]
    assert proxy.struck


@pytest.mark.parametrize(("point", "nth"), [*POINTS, *[pytest.param(*each, marks=FULL) for each in MORE_POINTS]])
def test_the_host_dies_at_a_crash_point(build: Build, ledger: Ledger, point: str, nth: int) -> None:
    with build(HOST_CRASH_AT=f"{point}:{nth}") as plant:
        born = plant.app.pid
        assert _walked(plant, ledger, REVIEWED, "before") == trails.REVIEWED
        assert plant.app.pid != born, "the crash point was not reached"


def _walked(plant: Plant, ledger: Ledger, sample: str, moment: Moment) -> Trail:
    """Take one request through its workflow, whatever happens to the host, and tell what it left."""
    request = Request.of(sample, f"gap-{uuid.uuid4().hex[:8]}")
    with Client(plant) as client:
        _act(plant, "/fhir/Claim/$submit", request.bundle, SUBMITTER, moment)
        if sample == REVIEWED:
            task = f"/tasks/{resource_id(request.case, 'review:1')}"
            plant.until(lambda: _stands(client, request.case, "in-review"))
            _act(plant, f"{task}/claim", None, NURSE, moment)
            _act(plant, f"{task}/decision", {"decision": "approve"}, NURSE, moment)
        if sample == ASKED:
            plant.until(lambda: _stands(client, request.case, "information-requested"))
            answer = attachment(tracking_number(request.case), "59408-5", SATURATION)
            _act(plant, "/fhir/$submit-attachment", answer, SUBMITTER, moment)
        plant.until(lambda: client.case(request.case)["standing"]["runtime"] == "Completed")
        assert client.case(request.case)["state"] == "approved"
    return ledger.trails([request.case])[request.case]


def _act(plant: Plant, path: str, body: Any, who: str, moment: Moment) -> None:
    """Send; where the strike came before the write, the sender sends again, else the sweep does what is owed."""
    answer = plant.post(who, path, body)
    if answer is not None and answer.status_code != 503:
        assert answer.status_code == 200, answer.text
        return
    if answer is None:
        plant.app.wait(10)
        plant.revive()
    elif moment == "after":
        plant.sweep()
    if moment == "before":
        again = plant.post(who, path, body)
        assert again is not None
        # 409: the first try was written after all
        assert again.status_code in (200, 409), again.text


def _stands(client: Client, case: str, state: str) -> bool:
    found = client.case(case)
    return bool(found["state"] == state and found["standing"]["runtime"] == "Running")


def _kill(plant: Plant) -> None:
    plant.app.kill()
    plant.app.wait()
