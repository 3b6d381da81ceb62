"""What the host shall reach, row by row, and whether it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

HOST: Final = "host"
EVERY: Final = ("dbos", "durabletask", "temporal")
DBOS: Final = ("dbos",)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Aim:
    """One row."""

    workload: str
    metric: str
    times: float | None = None
    """Of the best of ``peers``: at least as much where more is better, at most where less is; 1: strictly."""
    peers: tuple[str, ...] = EVERY
    """Beginnings of their names."""
    most: float | None = None
    """Absolute."""
    per_core: bool = False
    """``most`` is for each core."""


AIMS: Final = (
    Aim("W1", "instances/s", 1.5, DBOS),
    Aim("W1", "instances/s", 1),
    Aim("W1", "CPU ms/instance", 0.5, DBOS),
    Aim("W2", "p50 ms", 1),
    Aim("W2", "p99 ms", 1),
    Aim("W2", "CPU ms/instance", 1),
    Aim("W3a", "activities/s", 1),
    Aim("W3b", "activities/s", 1),
    Aim("W4", "seconds", 0.5, DBOS),
    Aim("W4", "last/first tenth", most=1.2),
    Aim("W5", "parked/s", 1),
    Aim("W5", "completed/s", 1),
    Aim("W5", "idle CPU cores", most=0.01),
    Aim("W5", "KB/parked", most=20),
    Aim("W6", "seconds", 1),
    Aim("W6", "executed again", most=10, per_core=True),  # no more activities than that run at a time
    Aim("flushes", "flushes/instance", 1),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """An aim with what was measured."""

    aim: Aim
    ours: float | None
    """None: not measured."""
    best: Row | None
    """The best peer's row; None: there is none."""
    met: bool | None
    """None: it cannot be told."""

    @property
    def ratio(self) -> float | None:
        """Ours to the best peer's."""
        return self.ours / self.best["value"] if self.ours is not None and self.best and self.best["value"] else None

    @property
    def words(self) -> str:
        """The aim, in words."""
        if self.aim.most is not None:
            return f"at most {self.aim.most:g}"
        better = self.best["better"] if self.best else "lower"
        if self.aim.times == 1:
            return "more than every peer" if better == "higher" else "less than every peer"
        return f"at {'least' if better == 'higher' else 'most'} {self.aim.times:g} × {self.aim.peers[0]}"

    @property
    def name(self) -> str:
        """Names it among the reasons."""
        return f"{self.aim.workload} {self.aim.metric}"


def judge(rows: Sequence[Row], cores: int) -> list[Outcome]:
    """Every aim. ``cores``: of the machine that measured."""
    return [_judge(aim, rows, cores) for aim in AIMS]


def best_of(rows: Sequence[Row], workload: str, metric: str, peers: tuple[str, ...] = EVERY) -> Row | None:
    """The row of the best peer; None: no peer has it."""
    found = [
        row
        for row in rows
        if (row["workload"], row["metric"]) == (workload, metric) and str(row["engine"]).startswith(peers)
    ]
    if not found:
        return None
    return (max if found[0]["better"] == "higher" else min)(found, key=lambda row: row["value"])


def _judge(aim: Aim, rows: Sequence[Row], cores: int) -> Outcome:
    if aim.most is not None and aim.per_core:
        aim = replace(aim, most=aim.most * cores, per_core=False)
    mine = (r for r in rows if (r["workload"], r["metric"], r["engine"]) == (aim.workload, aim.metric, HOST))
    ours = next((float(row["value"]) for row in mine), None)
    best = best_of(rows, aim.workload, aim.metric, aim.peers)
    return Outcome(aim, ours, best, None if ours is None else _met(aim, ours, best))


def _met(aim: Aim, ours: float, best: Row | None) -> bool | None:
    if aim.most is not None:
        return ours <= aim.most
    if best is None or aim.times is None:
        return None
    bound = best["value"] * aim.times
    if aim.times == 1 and ours == bound:
        return False
    return bool(ours >= bound if best["better"] == "higher" else ours <= bound)
