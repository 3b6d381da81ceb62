"""The host dies at each of its crash points: around its own commits, and between an activity and its record."""

from __future__ import annotations

import pytest

from tests.faults import ledger as trails
from tests.faults.conftest import Build
from tests.faults.ledger import Ledger
from tests.faults.plant import NURSE, REVIEWED
from tests.faults.walk import walked

pytestmark = pytest.mark.integration
FULL = pytest.mark.fault
POINTS = [
    *[("before-commit", n) for n in (1, 4)],
    *[("after-commit", n) for n in (2, 9)],
    *[("after-activity", n) for n in (1, 7)],
    ("before-entity-commit", 1),
]
MORE_POINTS = [
    *[("before-commit", n) for n in (2, 3, *range(5, 17))],
    *[("after-commit", n) for n in (1, *range(3, 9), 10, 11)],
    *[("after-activity", n) for n in (*range(2, 7), *range(8, 11))],
    ("before-entity-commit", 2),
]


@pytest.mark.parametrize(("point", "nth"), [*POINTS, *[pytest.param(*each, marks=FULL) for each in MORE_POINTS]])
def test_the_host_dies_at_a_crash_point(build: Build, ledger: Ledger, point: str, nth: int) -> None:
    with build(HOST_CRASH_AT=f"{point}:{nth}") as plant:
        born = plant.app.pid
        assert walked(plant, ledger, REVIEWED, "before") == trails.REVIEWED
        plant.until(lambda: plant.get(NURSE, "/queues/clinical-review")["open"] == 0)
        assert plant.app.pid != born, "the crash point was not reached"
