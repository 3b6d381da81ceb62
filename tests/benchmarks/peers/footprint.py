"""Time, CPU and memory of this process and its servers, and what the log says of the activities.

Standard library only: it runs under every engine's Python.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOG: Final = "activities.log"
_HERTZ: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Spent:
    """Since a meter was made."""

    seconds: float
    cpu: float
    """Seconds of a core."""


class Meter:
    """Counts from now on."""

    def __init__(self, servers: Sequence[int]) -> None:
        """``servers``: ids of the processes beside this one."""
        self._servers = servers
        self._begin, self._cpu = time.perf_counter(), self._used()

    def read(self) -> Spent:
        """May be read again."""
        return Spent(time.perf_counter() - self._begin, self._used() - self._cpu)

    def _used(self) -> float:
        return time.process_time() + sum(map(_cpu, self._servers))


def resident(servers: Iterable[int]) -> int:
    """Bytes of memory of this process and the servers."""
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE for pid in (os.getpid(), *servers))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _HERTZ


@dataclass(frozen=True, slots=True)
class Line:
    """An activity that ran."""

    instance: str
    step: int
    at: float
    """Of the monotonic clock, in seconds."""


def lines(data: Path) -> Iterator[Line]:
    """What the activities of an engine's directory have written so far."""
    path = data / LOG
    for line in path.read_text().splitlines() if path.exists() else ():
        instance, step, at = line.split(" ")
        yield Line(instance, int(step), float(at))
