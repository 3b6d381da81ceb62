"""What many timelines say together: how often, how long, how often again, what came too late."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from pydantic import BaseModel, ConfigDict

from domain.process.timeline import Timeline, Visit

BOTTLENECKS: Final = 5
"""How many elements are named that take the most time."""
OPERATOR: Final = "operator"
UNKNOWN: Final = "unknown"
"""Line of business of a case that has not read its record yet."""


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True)


class Spread(_Figures):
    """Lengths of time, in seconds. The p-th percentile is the smallest value that p of 100 do not exceed."""

    count: int
    p50: float | None = None
    p95: float | None = None
    total: float = 0.0


class Counts(_Figures):
    """How many cases stand how."""

    all: int
    running: int
    ended: int
    parked: int
    """Of those that have not ended: an operator must act."""
    overdue: int
    """Of those that have not ended: the deadline passed undecided."""
    deviating: int
    """They went where their model has no way."""


class ElementFigures(_Figures):
    """Visits to one element."""

    element: str
    group: str
    visits: int
    cases: int
    open: int
    """Visits that last."""
    duration: Spread
    """Of completed visits, from the first try or the begin of the wait to the end."""
    waiting: Spread
    """The part of it in which nothing was done by the engine: all of a wait for a person, or the time between tries."""
    parked: float
    """Seconds in which an operator was awaited."""
    rework: int
    """Visits beyond the first of their case; not of what is done on the way, such as escalations."""
    reworked: int
    """Cases with such visits."""
    failed: int
    """Tries in vain."""
    abandoned: int
    """Visits that the case went on without."""


class Breaches(_Figures):
    """Deadlines of one line of business."""

    cases: int
    breaches: int
    """Cases whose deadline passed undecided."""


class Statistics(_Figures):
    """Of one version of one workflow."""

    counts: Counts
    duration: Spread
    """Of cases that ended, from begin to end."""
    decision: Spread
    """From begin to decision."""
    elements: tuple[ElementFigures, ...]
    bottlenecks: tuple[str, ...]
    """The elements whose visits took most time altogether."""
    breaches: dict[str, Breaches]
    """By line of business."""


def statistics(timelines: Sequence[Timeline], now: datetime) -> Statistics:
    """What ``timelines`` say at ``now`` (UTC)."""
    visits: dict[str, list[list[Visit]]] = defaultdict(list)
    for each in timelines:
        mine: dict[str, list[Visit]] = defaultdict(list)
        for visit in each.visits:
            mine[visit.element].append(visit)
        for name, stays in mine.items():
            visits[name].append(stays)
    elements = tuple(_element(name, visits[name]) for name in visits)
    slowest = sorted((e for e in elements if e.duration.total), key=lambda e: e.duration.total, reverse=True)
    return Statistics(
        counts=counts(timelines, now),
        duration=spread(each.ended - each.created for each in timelines if each.ended),
        decision=spread(each.decided - each.created for each in timelines if each.decided),
        elements=elements,
        bottlenecks=tuple(each.element for each in slowest[:BOTTLENECKS]),
        breaches=_breaches(timelines, now),
    )


def counts(timelines: Iterable[Timeline], now: datetime) -> Counts:
    """How the cases stand at ``now``."""
    found: Counter[str] = Counter()
    for each in timelines:
        found["all"] += 1
        found["ended" if each.ended else "running"] += 1
        found["parked"] += not each.ended and (each.waits_for == OPERATOR or each.runtime == "Failed")
        found["overdue"] += not each.ended and each.breached(now)
        found["deviating"] += each.deviation is not None
    return Counts(**{name: found[name] for name in Counts.model_fields})


def spread(lengths: Iterable[timedelta]) -> Spread:
    """How ``lengths`` are spread."""
    seconds = sorted(each.total_seconds() for each in lengths)
    if not seconds:
        return Spread(count=0)
    p50, p95 = (seconds[ceil(len(seconds) * share) - 1] for share in (0.50, 0.95))
    return Spread(count=len(seconds), p50=p50, p95=p95, total=sum(seconds))


def _element(name: str, cases: Sequence[Sequence[Visit]]) -> ElementFigures:
    """``cases``: the visits of each case that came there."""
    visits = [each for case in cases for each in case]
    again = [max(0, sum(not each.aside for each in case) - 1) for case in cases]
    done = [each for each in visits if each.ended and each.completed]
    return ElementFigures(
        element=name,
        group=visits[0].group.value,
        visits=len(visits),
        cases=len(cases),
        open=sum(each.ended is None for each in visits),
        duration=spread(each.ended - each.started for each in done if each.ended),
        waiting=spread(_waited(each) for each in done),
        parked=sum(each.parked.total_seconds() for each in visits),
        rework=sum(again),
        reworked=sum(map(bool, again)),
        failed=sum(each.failed for each in visits),
        abandoned=sum(each.ended is not None and not each.completed for each in visits),
    )


def _waited(visit: Visit) -> timedelta:
    return visit.ended - visit.started if visit.waits and visit.ended else visit.paused


def _breaches(timelines: Iterable[Timeline], now: datetime) -> dict[str, Breaches]:
    cases: Counter[str] = Counter()
    late: Counter[str] = Counter()
    for each in timelines:
        line = each.line_of_business or UNKNOWN
        cases[line] += 1
        late[line] += each.breached(now)
    return {line: Breaches(cases=cases[line], breaches=late[line]) for line in sorted(cases)}
