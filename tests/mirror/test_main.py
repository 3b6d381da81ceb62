"""``python -m mirror``: its verbs, what it refuses to start with, and its end."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mirror.__main__ import main
from mirror.lock import lock
from mirror.store import Case, State, Store
from stack.options import ROOT
from tests.ports import free_port
from tests.stack.servers import WAIT


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the store."""
    path = tmp_path / "mirror.sqlite"
    monkeypatch.setenv("WORKFLOW_MIRROR_STORE", str(path))
    return path


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["mirror", *words])
    return main()


def test_status_counts_and_names_who_needs_a_person(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(path)
    for number, state in enumerate((State.OPEN, State.OPEN, State.CLOSED, State.DEVIATES, State.UNKNOWN, State.LOST)):
        store.save(Case(f"case-{number}", "appeal", "1.0.0", state=state, instance=number))
    with lock(path):
        assert run(monkeypatch, "status") == 0, "also while a mirror works"
    store.close()
    told = capsys.readouterr().out.splitlines()
    assert told[:5] == ["closed     1", "deviates   1", "lost       1", "open       2", "unknown    1"]
    assert told[5:] == [
        "case-3  deviates  appeal 1.0.0, process instance 3",
        "case-4  unknown  appeal 1.0.0, process instance 4",
        "case-5  lost  appeal 1.0.0, process instance 5",
    ]


def test_status_of_what_never_worked_makes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "status") == 0
    assert "no mirror has worked" in capsys.readouterr().out
    assert not path.exists()


def test_a_second_mirror_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with lock(path):
        assert run(monkeypatch) == 2
    assert "A mirror works on" in capsys.readouterr().err


def test_wrong_settings_are_named(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORKFLOW_CAMUNDA_CLIENT_ID", "mirror")
    assert run(monkeypatch) == 2
    assert "WORKFLOW_CAMUNDA_CLIENT_SECRET is needed" in capsys.readouterr().err


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_waits_for_camunda_and_ends_when_it_is_told_to(path: Path, ending: signal.Signals) -> None:
    command = [sys.executable, "-W", "default::ResourceWarning", "-m", "mirror"]
    settings = {
        "WORKFLOW_CAMUNDA_GRPC": f"127.0.0.1:{free_port()}",
        "WORKFLOW_KAFKA_BROKERS": f"127.0.0.1:{free_port()}",
        "WORKFLOW_MIRROR_STORE": str(path),
    }
    with subprocess.Popen(command, cwd=ROOT, env=settings, text=True, stderr=subprocess.PIPE) as mirror:
        try:
            assert mirror.stderr is not None
            assert "Camunda is unavailable" in mirror.stderr.readline()
            mirror.send_signal(ending)
            assert mirror.wait(WAIT) == 0
            assert mirror.stderr.read() == ""
        finally:
            mirror.kill()
