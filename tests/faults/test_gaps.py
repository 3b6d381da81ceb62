"""A host that dies or an answer that is lost in the gap between FHIR and durable: nothing is lost, nothing doubled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

import stack
from tests.faults import ledger as trails
from tests.faults.conftest import Build
from tests.faults.ledger import Ledger, Trail
from tests.faults.plant import ASKED, AUTOMATIC, REVIEWED, Plant
from tests.faults.proxy import FhirProxy, Strike
from tests.faults.walk import walked

pytestmark = pytest.mark.integration
FULL = pytest.mark.fault


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
    assert walked(proxied, ledger, gap.sample, "after") == WANTED[gap.sample]
    assert proxy.struck


@FULL
@pytest.mark.parametrize("gap", GAPS, ids=str)
def test_killed_before_fhir_has_committed(proxied: Plant, proxy: FhirProxy, ledger: Ledger, gap: Gap) -> None:
    proxied.revive()
    proxy.plan(Strike(gap.step, "before", lambda: _kill(proxied), gap.nth))
    assert walked(proxied, ledger, gap.sample, "before") == WANTED[gap.sample]
    assert proxy.struck


@pytest.mark.parametrize("gap", GAPS, ids=str)
def test_the_answer_of_fhir_is_lost(proxied: Plant, proxy: FhirProxy, ledger: Ledger, gap: Gap) -> None:
    """The app takes the write for failed and tries again: it finds what it wrote."""
    proxied.revive()
    proxy.plan(Strike(gap.step, "after", lambda: None, gap.nth))
    assert walked(proxied, ledger, gap.sample, "after") == WANTED[gap.sample]
    assert proxy.struck


@pytest.mark.parametrize("gap", GAPS, ids=str)
def test_fhir_commits_late(proxied: Plant, proxy: FhirProxy, ledger: Ledger, gap: Gap) -> None:
    """A server that hung: the app gave up and has looked at the record again when the first write is committed."""
    proxied.revive()
    proxy.plan(Strike(gap.step, "late", lambda: None, gap.nth))
    assert walked(proxied, ledger, gap.sample, "late") == WANTED[gap.sample]
    assert proxy.struck


def _kill(plant: Plant) -> None:
    plant.app.kill()
    plant.app.wait()
