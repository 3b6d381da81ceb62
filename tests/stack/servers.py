"""What the tests of the real servers do to them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import stack
from stack import processes

WAIT = 60.0


def start(options: stack.Options) -> stack.Servers:
    """``stack.up``, or the test is skipped where no JDK or Maven is found."""
    try:
        return stack.up(options)
    except stack.ToolMissing as error:
        pytest.skip(str(error))


@contextmanager
def running(options: stack.Options) -> Iterator[stack.Servers]:
    """Servers that run until the block ends. Skips where no JDK or Maven is found."""
    started = start(options)
    try:
        yield started
    finally:
        stack.down(options)


def kill(options: stack.Options, name: str) -> None:
    """SIGKILL, and return when the process is gone."""
    running = processes.recall(options.data / f"{name}.pid")
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    processes.wait_ended(running, 10, lambda: None)


def until(true: Callable[[], bool]) -> None:
    """Wait for a condition. Fails after a minute."""
    limit = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < limit, f"not so after {WAIT:.0f} s"
        time.sleep(0.1)


def open_to_others(folder: Path) -> list[str]:
    """What in ``folder``, itself included, anybody but the owner may touch."""
    return [str(path) for path in (folder, *folder.rglob("*")) if path.stat().st_mode & 0o077]
