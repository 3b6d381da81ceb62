"""How long decisions took: what CMS-0057-F asks payers to publish each year (42 CFR 422.122(c)), from the case board.

https://www.ecfr.gov/current/title-42/section-422.122
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from events.projection import Row

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
