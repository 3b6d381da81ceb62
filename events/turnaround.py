"""How long decisions took: what CMS-0057-F asks payers to publish each year (42 CFR 422.122(c)), from the case board.

https://www.ecfr.gov/current/title-42/section-422.122
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from events.board import Row
from events.table import table

NONE = "-"


@dataclass(frozen=True, slots=True)
class Turnaround:
    """Requests of one line of business and urgency. Appeals are not among them: they have a clock of their own."""

    line_of_business: str
    urgency: str
    requests: int
    decided: int
    on_time: int
    """Decided by the deadline."""
    mean: float | None
    """Hours from receipt to decision; ``None`` before the first one."""
    median: float | None
    ninetieth: float | None
    """90 of 100 requests were decided within this many hours (nearest rank)."""


def turnaround(rows: Iterable[Row]) -> list[Turnaround]:
    """The figures by line of business and urgency."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if not row.appeals:
            groups.setdefault((row.line_of_business or NONE, row.urgency or NONE), []).append(row)
    return [_figures(*names, group) for names, group in sorted(groups.items())]


def report(rows: Sequence[Row], most: int = 30) -> str:
    """Counts by state, turnaround, and the cases that changed last."""
    states = Counter(row.state for row in rows)
    counted = table(("state", "cases"), [(state, str(count)) for state, count in sorted(states.items())])
    taken = table(_HEADINGS, [_line(each) for each in turnaround(rows)])
    appealed = Counter(row.appeals for row in rows if row.appeals)
    latest = sorted(rows, key=lambda row: row.last_at, reverse=True)[:most]
    cases = table(_CASES, [_case(row, appealed[row.case]) for row in latest])
    left = f"\n… and {len(rows) - most} more" if len(rows) > most else ""
    return f"{counted}\n\n{taken}\n\n{cases}{left}"


_HEADINGS = (
    "line of business",
    "urgency",
    "requests",
    "decided",
    "on time",
    "mean h",
    "median h",
    "90 % within h",
)
_CASES = ("case", "state", "line of business", "urgency", "due (UTC)", "decided (UTC)", "h", "on time", "appeals")


def _figures(line: str, urgency: str, rows: Sequence[Row]) -> Turnaround:
    hours = sorted(row.hours for row in rows if row.hours is not None)
    return Turnaround(
        line,
        urgency,
        requests=len(rows),
        decided=sum(row.decided_at is not None for row in rows),
        on_time=sum(row.on_time is True for row in rows),
        mean=statistics.fmean(hours) if hours else None,
        median=statistics.median(hours) if hours else None,
        ninetieth=hours[math.ceil(len(hours) * 0.9) - 1] if hours else None,
    )


def _line(each: Turnaround) -> tuple[str, ...]:
    counts = (str(each.requests), str(each.decided), str(each.on_time))
    return (each.line_of_business, each.urgency, *counts, *map(_hours, (each.mean, each.median, each.ninetieth)))


def _case(row: Row, appeals: int) -> tuple[str, ...]:
    on_time = {True: "yes", False: "no", None: NONE}[row.on_time]
    return (
        row.case,
        row.state,
        row.line_of_business or NONE,
        row.urgency or NONE,
        f"{row.due:%Y-%m-%d %H:%M}" if row.due else NONE,
        f"{row.decided_at:%Y-%m-%d %H:%M}" if row.decided_at else NONE,
        _hours(row.hours),
        on_time,
        str(appeals) if appeals else NONE,
    )


def _hours(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"
