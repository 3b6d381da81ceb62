"""Functions that never come back: in the host's own process they are given up, with ``--isolate`` they are killed.

In both, other instances go on, and the reason is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apps.process import until
from tests.host.faulty_host import FaultyHost, faulty_host

FULL = pytest.mark.fault
SPINS = 3
"""More than there are threads for turns on two cores."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyHost]:
    """A host that runs its functions itself."""
    with faulty_host(tmp_path_factory.mktemp("shared"), PYTHON_THREADPOOL_THREAD_COUNT="2") as host:
        yield host


@pytest.fixture(scope="module")
def isolated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyHost]:
    """A host that runs its functions in a child."""
    with faulty_host(tmp_path_factory.mktemp("isolated"), "--isolate") as host:
        yield host


def test_turns_that_loop_for_ever_leave_others_alone(shared: FaultyHost) -> None:
    for number in range(SPINS):
        shared.start("spin", f"spin-{number}")
    shared.well("beside")
    hangs = "spin ran longer than functionTimeout and still holds a thread; only --isolate can end it"
    for number in range(SPINS):
        until(lambda n=number: hangs in shared.why(f"spin-{n}"), "the host to give it up")  # type: ignore[misc]
    assert shared.ask("GET", "/../health/ready").json() == {"status": "ready", "hanging": SPINS}
    assert shared.hanging() == [f"spin (spin-{number})" for number in range(SPINS)]
    shared.well("after")
    (shared.folder / "released").touch()
    for number in range(SPINS):
        assert shared.ended(f"spin-{number}") == "released"
        assert shared.output.count(f"spin (spin-{number}) ran longer than functionTimeout") == 1, "said once"
    until(lambda: shared.hanging() == [], "the threads to end")
    (shared.folder / "released").unlink()


@pytest.mark.parametrize(("activity", "other"), [("stuck", "say"), ("stuck_async", "say_async")])
def test_activities_that_hang_fail_and_leave_others_alone(shared: FaultyHost, activity: str, other: str) -> None:
    for number in range(3):
        shared.start("pass_on", f"{activity}-{number}", [activity, None])
    for number in range(3):
        assert "FunctionTimeoutException" in shared.ended(f"{activity}-{number}", "Failed")
        assert shared.why(f"{activity}-{number}") == f"failed: FunctionTimeoutException in activity {activity}"
    shared.start("pass_on", f"{activity}-other", [other, "x"])
    assert str(shared.ended(f"{activity}-other")).startswith("hello")
    (shared.folder / "released").touch()
    until(lambda: shared.hanging() == [], "the threads to end")
    (shared.folder / "released").unlink()


def test_a_host_stops_although_functions_hang(shared: FaultyHost) -> None:
    for activity in ("stuck", "stuck_async"):
        shared.start("pass_on", f"{activity}-last", [activity, None])
    until(lambda: len(shared.hanging()) == 2, "the host to give them up")
    shared.stop()


def test_a_turn_that_loops_for_ever_is_killed_and_tried_again(isolated: FaultyHost) -> None:
    isolated.start("spin", "spin")
    until(lambda: "its turn is tried again" in isolated.why("spin"), "the host to kill it")
    assert "WorkerLost" in isolated.why("spin")
    assert "spin ran longer than functionTimeout: the process of the functions is killed" in isolated.output
    (isolated.folder / "released").touch()
    assert isolated.ended("spin") == "released"
    isolated.well("after-spin")
    (isolated.folder / "released").unlink()


@pytest.mark.parametrize(
    "activity", ["breed", pytest.param("grind", marks=FULL), pytest.param("stuck_async", marks=FULL)]
)
def test_an_activity_that_hangs_is_killed_with_its_children(isolated: FaultyHost, activity: str) -> None:
    isolated.start("pass_on", activity, [activity, None])
    assert "FunctionTimeoutException" in isolated.ended(activity, "Failed")
    assert isolated.why(activity) == f"failed: FunctionTimeoutException in activity {activity}"
    if activity == "breed":
        assert not _lives(int((isolated.folder / "children").read_text()))
    isolated.well(f"after-{activity}")


def test_the_child_of_an_activity_dies_with_the_host(tmp_path: Path) -> None:
    with faulty_host(tmp_path, "--isolate") as host:
        host.start("pass_on", "breed", ["breed", None])
        until((tmp_path / "children").exists, "the child")
    until(lambda: not _lives(int((tmp_path / "children").read_text())), "the child to die with the host")


def _lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody asked after does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
