"""Functions that never come back: in the host's own process they are given up, with ``--isolate`` they are killed.

In both, other instances go on, and the reason is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from host.cli.manage import why
from tests.apps.process import AppProcess, until

APP = Path(__file__).parent / "faulty"
FULL = pytest.mark.fault
SPINS = 3
"""More than there are threads for turns on two cores."""


@contextmanager
def _started(folder: Path, *options: str) -> Iterator[AppProcess]:
    host = AppProcess(APP, folder / "data", *options, FAULTY=str(folder), PYTHON_THREADPOOL_THREAD_COUNT="2")
    try:
        yield host
    finally:
        host.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppProcess, Path]]:
    """A host that runs its functions itself, and its folder."""
    folder = tmp_path_factory.mktemp("shared")
    with _started(folder) as host:
        yield host, folder


@pytest.fixture(scope="module")
def isolated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppProcess, Path]]:
    """A host that runs its functions in a child, and its folder."""
    folder = tmp_path_factory.mktemp("isolated")
    with _started(folder, "--isolate") as host:
        yield host, folder


def _start(host: AppProcess, name: str, instance_id: str, given: Any = None) -> None:
    assert host.manage("POST", f"/orchestrators/{name}/{instance_id}", json.dumps(given)).status_code == 202


def _why(host: AppProcess, instance_id: str) -> str:
    """What ``python -m host instances`` says."""
    return "; ".join(why(host.admin("GET", f"/instances/{instance_id}").json()))


def _ended(host: AppProcess, instance_id: str, status: str = "Completed") -> Any:
    """The output."""

    def found() -> Any:
        return host.manage("GET", f"/instances/{instance_id}").json()

    until(lambda: found()["runtimeStatus"] not in ("Pending", "Running"), f"the end of {instance_id}")
    assert found()["runtimeStatus"] == status, found()
    return found()["output"]


def _hello(host: AppProcess, instance_id: str) -> None:
    """Others go on."""
    _start(host, "hello", instance_id, "you")
    assert _ended(host, instance_id) == "hello you"


def test_turns_that_loop_for_ever_leave_others_alone(shared: tuple[AppProcess, Path]) -> None:
    host, folder = shared
    for number in range(SPINS):
        _start(host, "spin", f"spin-{number}")
    _hello(host, "beside")
    hangs = "spin ran longer than functionTimeout and still holds a thread; only --isolate can end it"
    for number in range(SPINS):
        until(lambda n=number: hangs in _why(host, f"spin-{n}"), "the host to give it up")  # type: ignore[misc]
    assert host.ask("GET", "/../health/ready").json() == {"status": "ready", "hanging": SPINS}
    assert host.admin("GET", "/host/status").json()["hanging"] == [f"spin (spin-{number})" for number in range(SPINS)]
    _hello(host, "after")
    (folder / "released").touch()
    for number in range(SPINS):
        assert _ended(host, f"spin-{number}") == "released"
        assert host.output.count(f"spin (spin-{number}) ran longer than functionTimeout") == 1, "said once"
    until(lambda: host.admin("GET", "/host/status").json()["hanging"] == [], "the threads to end")
    (folder / "released").unlink()


@pytest.mark.parametrize(("activity", "other"), [("stuck", "say"), ("stuck_async", "say_async")])
def test_activities_that_hang_fail_and_leave_others_alone(
    shared: tuple[AppProcess, Path], activity: str, other: str
) -> None:
    host, folder = shared
    for number in range(3):
        _start(host, "pass_on", f"{activity}-{number}", [activity, None])
    for number in range(3):
        assert "FunctionTimeoutException" in _ended(host, f"{activity}-{number}", "Failed")
        assert _why(host, f"{activity}-{number}") == f"failed: FunctionTimeoutException in activity {activity}"
    _start(host, "pass_on", f"{activity}-other", [other, "x"])
    assert str(_ended(host, f"{activity}-other")).startswith("hello")
    (folder / "released").touch()
    until(lambda: host.admin("GET", "/host/status").json()["hanging"] == [], "the threads to end")
    (folder / "released").unlink()


def test_a_turn_that_loops_for_ever_is_killed_and_tried_again(isolated: tuple[AppProcess, Path]) -> None:
    host, folder = isolated
    _start(host, "spin", "spin")
    until(lambda: "its turn is tried again" in _why(host, "spin"), "the host to kill it")
    assert "WorkerLost" in _why(host, "spin")
    assert "spin ran longer than functionTimeout: the process of the functions is killed" in host.output
    (folder / "released").touch()
    assert _ended(host, "spin") == "released"
    _hello(host, "after-spin")
    (folder / "released").unlink()


@pytest.mark.parametrize(
    "activity", ["breed", pytest.param("grind", marks=FULL), pytest.param("stuck_async", marks=FULL)]
)
def test_an_activity_that_hangs_is_killed_with_its_children(isolated: tuple[AppProcess, Path], activity: str) -> None:
    host, folder = isolated
    _start(host, "pass_on", activity, [activity, None])
    assert "FunctionTimeoutException" in _ended(host, activity, "Failed")
    assert _why(host, activity) == f"failed: FunctionTimeoutException in activity {activity}"
    if activity == "breed":
        assert not _lives(int((folder / "children").read_text()))
    _hello(host, f"after-{activity}")


def test_the_child_of_an_activity_dies_with_the_host(tmp_path: Path) -> None:
    with _started(tmp_path, "--isolate") as host:
        _start(host, "pass_on", "breed", ["breed", None])
        until((tmp_path / "children").exists, "the child")
    until(lambda: not _lives(int((tmp_path / "children").read_text())), "the child to die with the host")


def _lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody asked after does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
