"""What timelines say together."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from domain.process.statistics import Breaches, Spread, counts, spread, statistics
from domain.process.timeline import Group, Timeline, Visit
from tests.orchestrators.test_prior_authorization import RECEIVED

DAY = timedelta(days=1)


def at(day: float) -> datetime:
    return RECEIVED + day * DAY


def visit(element: str, begin: float, end: float | None, **more: Any) -> Visit:
    whole: dict[str, Any] = {
        "element": element, "n": 1, "group": Group.ENGINE, "started": at(begin),
        "ended": None if end is None else at(end), "completed": end is not None,
    }  # fmt: skip
    return Visit(**whole | more)


def case(name: str, *visits: Visit, **more: Any) -> Timeline:
    whole: dict[str, Any] = {
        "id": name, "workflow": "w", "version": "1", "created": at(0), "updated": at(0), "runtime": "Running",
        "visits": visits, "line_of_business": "medicaid", "due": at(5),
    }  # fmt: skip
    return Timeline(**whole | more)


def test_spread_is_by_nearest_rank() -> None:
    assert spread([]) == Spread(count=0)
    assert spread([timedelta(seconds=9)]) == Spread(count=1, p50=9, p95=9, total=9)
    hundred = spread(timedelta(seconds=n) for n in range(100, 0, -1))
    assert (hundred.p50, hundred.p95, hundred.total) == (50, 95, 5050)
    assert (spread(timedelta(seconds=n) for n in (1, 2)).p50, spread(timedelta(seconds=n) for n in (1, 2)).p95) == (
        1,
        2,
    )


def test_elements() -> None:
    paused = {"failed": 2, "tries": 3, "paused": 2 * DAY, "parked": DAY}
    found = statistics(
        [
            case("a", visit("determine", 0, 3, **paused), visit("determine", 4, 5, n=2)),
            case("b", visit("determine", 0, 1), visit("clinical-review", 1, None, group=Group.REVIEWER)),
            case("c", visit("clinical-review", 1, 9, group=Group.REVIEWER), visit("x", 0, 1, completed=False)),
        ],
        at(2),
    )
    determine, review, left = found.elements
    day = DAY.total_seconds()
    assert (determine.element, determine.group, determine.visits, determine.cases) == ("determine", "engine", 3, 2)
    assert (determine.rework, determine.reworked, determine.failed, determine.parked) == (1, 1, 2, day)
    assert determine.duration == Spread(count=3, p50=day, p95=3 * day, total=5 * day)
    assert determine.waiting == Spread(count=3, p50=0, p95=2 * day, total=2 * day)
    assert (review.open, review.visits, review.waiting) == (1, 2, review.duration)
    assert (left.abandoned, left.duration.count) == (1, 0)
    assert found.bottlenecks == ("clinical-review", "determine")


def test_what_is_done_on_the_way_is_no_rework() -> None:
    twice = [visit("notify-provider", n, n + 1, n=n + 1, aside=True) for n in range(2)]
    (found,) = statistics([case("a", *twice, visit("notify-provider", 2, 3, n=3))], at(9)).elements
    assert (found.visits, found.rework, found.reworked) == (3, 0, 0)


def test_how_cases_stand() -> None:
    cases = [
        case("runs"),
        case("late", due=at(1)),
        case("parked", waits_for="operator"),
        case("failed", runtime="Failed"),
        case("ended", ended=at(1), runtime="Completed", waits_for="operator", deviation="it went elsewhere"),
    ]
    found = counts(cases, at(2)).model_dump()
    assert found == {"all": 5, "running": 4, "ended": 1, "parked": 2, "overdue": 1, "deviating": 1}


def test_times_of_cases_and_deadlines_by_line_of_business() -> None:
    found = statistics(
        [
            case("a", decided=at(1), ended=at(2)),
            case("b", decided=at(6), ended=at(7)),
            case("c", due=at(1)),
            case("d", due=at(1), line_of_business=None),
            case("e", line_of_business="commercial"),
        ],
        at(2),
    )
    assert (found.decision.count, found.decision.p50, found.duration.p95) == (2, 86400, 7 * 86400)
    assert found.breaches == {
        "commercial": Breaches(cases=1, breaches=0),
        "medicaid": Breaches(cases=3, breaches=2),
        "unknown": Breaches(cases=1, breaches=1),
    }
