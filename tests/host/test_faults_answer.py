"""Activities with answers that nobody expects, and orchestrators that are wrong: each ends in a state that says why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.faulty_host import FaultyHost, faulty_host

LARGE = 50 * 1024 * 1024
COPIES = 8
"""As many are made of a large answer, at most, until it is in the store and before the code."""


@pytest.fixture(scope="module", params=[(), pytest.param(("--isolate",), marks=pytest.mark.fault)])
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyHost]:
    """In one process, and with a child for the functions."""
    with faulty_host(tmp_path_factory.mktemp("answers"), *request.param) as host:
        yield host


def test_an_activity_that_returns_50_megabytes(host: FaultyHost) -> None:
    before = host.most_memory()
    host.start("pass_on", "large", ["large", LARGE])
    assert host.ended("large") == LARGE
    assert host.most_memory() - before < COPIES * LARGE
    host.well("after-large")


@pytest.mark.parametrize(
    ("activity", "words"),
    [
        ("odd", "failed: ValueError in activity odd"),
        ("half", "failed: ValueError in activity half"),
    ],
)
def test_an_activity_whose_answer_cannot_be_written_fails(host: FaultyHost, activity: str, words: str) -> None:
    host.start("pass_on", activity, [activity, 1])
    host.ended(activity, "Failed")
    assert host.why(activity) == words
    host.well(f"after-{activity}")


def test_a_number_that_json_does_not_have(host: FaultyHost) -> None:
    host.start("pass_on", "nan", ["nan", 1])
    assert host.ended("nan") == "NaN", "other programs can read the answer"


def test_an_orchestrator_that_throws(host: FaultyHost) -> None:
    host.start("throw", "throw")
    assert "canary-value" in host.ended("throw", "Failed")
    assert host.why("throw") == "failed: ValueError"
    assert "canary-value" not in host.output


def test_an_orchestrator_that_is_not_deterministic(tmp_path: Path) -> None:
    with faulty_host(tmp_path, "--sessions", "cold") as host:  # a session that lives on asks nothing twice
        host.start("wander", "wander")
        assert "Non-Deterministic workflow detected" in host.ended("wander", "Failed")
        reason = host.why("wander")
        assert reason.startswith("failed: HostError: Non-Deterministic workflow detected")
        assert "scheduled an activity task named 'say' with sequence ID 0" in reason
