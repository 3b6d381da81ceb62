"""Detached processes: started once, remembered by a pid file, measured, stopped by signal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

GIVES_WAY: Final = 15
"""Niceness of what must slow nobody: it gets a thirtieth of a core that another one wants."""
_TICK: Final = 0.1
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_HERTZ: Final = os.sysconf("SC_CLK_TCK")
_children: dict[int, subprocess.Popen[bytes]] = {}
"""Processes that this one started: they are reaped here, else they would stay as zombies."""


@dataclass(frozen=True, slots=True)
class Running:
    """A process as its pid file tells it."""

    pid: int
    port: int
    born: str | None
    """Start time in clock ticks since boot (Linux): tells the process from a later one with the same pid."""


def spawn(
    command: Sequence[str], port: int, pid_file: Path, log: Path, environment: Mapping[str, str] | None = None
) -> Running:
    """Start ``command`` in a session of its own, so that Ctrl-C does not reach it, and write its pid file.

    What it writes, its log included, only the owner may read.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab", opener=_owner_only) as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
            env={**os.environ, **(environment or {})},
        )
    _children[process.pid] = process
    running = Running(process.pid, port, _born(process.pid))
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    pid_file.write_text(json.dumps(asdict(running)))
    return running


def give_way(pid: int) -> None:
    """Let all others on the machine go first from now on (``nice``).

    Linux shares the cores by session first (autogroup), so one of its own session is told of there too; see
    ``man 7 sched``.
    """
    with suppress(ProcessLookupError):
        if os.getsid(pid) != pid:
            os.setpriority(os.PRIO_PROCESS, pid, GIVES_WAY)
            return
        os.setpriority(os.PRIO_PGRP, pid, GIVES_WAY)  # all of its threads
        with suppress(OSError):
            Path(f"/proc/{pid}/autogroup").write_text(str(GIVES_WAY))


def recall(pid_file: Path) -> Running | None:
    """The live process of ``pid_file``; a stale file is removed."""
    try:
        running = Running(**json.loads(pid_file.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        pid_file.unlink()
        return None
    if alive(running):
        return running
    pid_file.unlink(missing_ok=True)
    return None


def alive(running: Running) -> bool:
    """Whether the process still runs, and is the one that was started."""
    child = _children.get(running.pid)
    if child is not None and child.poll() is not None:
        return False
    try:
        os.kill(running.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return not _dead(running.pid) and _born(running.pid) == running.born


def terminate(running: Running) -> None:
    """Ask the process to end."""
    _signal(running, signal.SIGTERM)


def wait_ended(running: Running, seconds: float, tick: Callable[[], None]) -> None:
    """Wait until the process ended, calling ``tick`` meanwhile; kill it after ``seconds``."""
    limit = time.monotonic() + seconds
    while alive(running):
        if time.monotonic() > limit:
            _signal(running, signal.SIGKILL)
        tick()
        time.sleep(_TICK)


def resident_bytes(pid: int) -> int | None:
    """Resident memory, or ``None`` where there is no ``/proc``."""
    fields = _read(f"/proc/{pid}/statm")
    return int(fields.split()[1]) * _PAGE if fields else None


def cpu_seconds(pid: int) -> float | None:
    """User and system time, or ``None`` where there is no ``/proc``."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _HERTZ if fields else None


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _signal(running: Running, number: signal.Signals) -> None:
    try:
        os.kill(running.pid, number)
    except ProcessLookupError:
        return


def _dead(pid: int) -> bool:
    """Whether the process ended and only its parent has not looked yet.

    The first thread of a killed process is a zombie while the others still hold its files and its port.
    """
    if _stat(pid)[:1] != ["Z"]:
        return False
    try:
        return len(os.listdir(f"/proc/{pid}/task")) <= 1
    except OSError:
        return True


def _born(pid: int) -> str | None:
    fields = _stat(pid)
    return fields[19] if fields else None


def _stat(pid: int) -> list[str]:
    """The fields of ``/proc/<pid>/stat`` after the program's name: see ``man 5 proc``, state is number 0."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
