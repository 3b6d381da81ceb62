"""One mirror a store, whoever starts the second one, and however the first one ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mirror.lock import AlreadyRunning, lock
from stack.options import ROOT
from tests.stack.servers import WAIT, open_to_others

HOLD = """
import sys
from pathlib import Path
from mirror.lock import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(store: Path) -> subprocess.Popen[str]:
    """Another process that tries to hold the lock until its input ends."""
    command = [sys.executable, "-c", HOLD, str(store)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, text=True, stdin=pipe, stdout=pipe, stderr=pipe)


def test_a_second_one_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    store = tmp_path / "deep" / "mirror.sqlite"
    with lock(store):
        with pytest.raises(AlreadyRunning, match=r"mirror\.sqlite"), lock(store):
            raise AssertionError("both hold it")
        with lock(tmp_path / "other.sqlite"):
            pass
    with lock(store):
        assert open_to_others(store.with_suffix(".lock")) == []


def test_another_process_is_refused(tmp_path: Path) -> None:
    with lock(tmp_path / "mirror.sqlite"):
        told, wrong = holder(tmp_path / "mirror.sqlite").communicate(timeout=WAIT)
    assert told == ""
    assert "AlreadyRunning" in wrong


def test_the_lock_of_one_that_is_killed_is_free(tmp_path: Path) -> None:
    store = tmp_path / "mirror.sqlite"
    with holder(store) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(AlreadyRunning), lock(store):
            raise AssertionError("both hold it")
        other.kill()
        other.wait(WAIT)
    with lock(store):
        pass
