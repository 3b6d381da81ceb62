"""The way of a case as stretches of time: work, waits, tries in vain, an operator's help, ways left behind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from domain.process.model import parse_model
from domain.process.seen import Seen, What
from domain.process.timeline import Group, Head, Timeline, timeline
from processes import text_of
from tests.orchestrators.test_prior_authorization import RECEIVED
from tests.processes.driven import driven

HEAD = Head(
    id="c", workflow="prior-authorization", version="1.0.0", created=RECEIVED, updated=RECEIVED, runtime="Running"
)
MODEL = parse_model(text_of("prior-authorization", "1.0.0"))
REVIEWED = ["open-case", "set-deadline", "check-eligibility", "assess-necessity", "determine", "open-review"]
VARIABLES: dict[str, dict[str, Any]] = {
    "check-eligibility": {"eligibility": "eligible"},
    "determine": {"outcome": "review"},
    "take-decision": {"taken": "decision"},
    "open-review": {"superseded": False, "task": "t"},
}


def at(minute: float) -> datetime:
    return RECEIVED + timedelta(minutes=minute)


def done(step: str, begin: float, end: float, *, aside: bool = False) -> list[Seen]:
    variables = VARIABLES.get(step, {})
    return [
        Seen(What.STARTED, step, aside=aside, at=at(begin)),
        Seen(What.COMPLETED, step, variables, aside, at(end)),
    ]


def reviewed() -> list[Seen]:
    """Each step takes one minute of two; at the 12th the review is open."""
    return [one for n, step in enumerate(REVIEWED) for one in done(step, 2 * n, 2 * n + 1)]


def way(steps: Sequence[Seen], **head: Any) -> Timeline:
    return timeline(HEAD.model_copy(update=head), steps, MODEL)


def test_steps_and_the_wait_for_a_reviewer() -> None:
    case = way(
        [
            *reviewed(),
            *done("escalate", 60, 61, aside=True),
            Seen(What.EVENT, "decided", at=at(100)),
            *done("take-decision", 101, 102),
            *done("record-decision", 103, 104),
        ]
    )
    assert case.deviation is None
    assert [each.element for each in case.visits] == [
        *REVIEWED,
        "clinical-review",
        "escalate",
        "take-decision",
        "record-decision",
    ]
    wait = case.visits[6]
    assert (wait.group, wait.started, wait.ended, wait.completed) == (Group.REVIEWER, at(11), at(101), True)
    assert (case.visits[0].group, case.visits[0].ended) == (Group.ENGINE, at(1))
    assert case.visits[7].aside
    assert (case.decided, case.ended) == (at(104), None)


def test_a_wait_that_lasts() -> None:
    case = way(reviewed())
    assert (case.visits[-1].element, case.visits[-1].ended, case.visits[-1].completed) == (
        "clinical-review",
        None,
        False,
    )
    assert way(reviewed(), runtime="Terminated", updated=at(500)).visits[-1].ended == at(500)


def test_tries_in_vain_and_an_operator() -> None:
    step = "open-case"
    tries = [
        Seen(What.STARTED, step, at=at(0)),
        Seen(What.FAILED, step, at=at(1)),
        Seen(What.STARTED, step, at=at(5)),
        Seen(What.FAILED, step, at=at(6)),
        Seen(What.EVENT, "resumed", at=at(66)),
        *done(step, 67, 68),
    ]
    (visit,) = way(tries).visits
    assert (visit.tries, visit.failed, visit.completed) == (3, 2, True)
    assert (visit.started, visit.ended) == (at(0), at(68))
    assert visit.paused == timedelta(minutes=4 + 61)
    assert visit.parked == timedelta(minutes=60)
    (visit,) = way(tries[:2]).visits
    assert (visit.ended, visit.failed) == (None, 1)


def test_an_operators_event_is_no_matter_of_what_runs_aside() -> None:
    case = way(
        [
            *reviewed(),
            Seen(What.STARTED, "escalate", aside=True, at=at(60)),
            Seen(What.FAILED, "escalate", aside=True, at=at(61)),
            Seen(What.EVENT, "resumed", at=at(70)),
            *done("escalate", 80, 81, aside=True),
        ]
    )
    (escalation,) = (each for each in case.visits if each.element == "escalate")
    assert (escalation.parked, escalation.paused) == (timedelta(), timedelta(minutes=19))


def test_a_step_that_the_case_went_on_without() -> None:
    case = way(
        [
            *reviewed(),
            Seen(What.EVENT, "eligibility-changed", at=at(20)),
            Seen(What.STARTED, "check-eligibility", at=at(20)),
            Seen(What.FAILED, "check-eligibility", at=at(21)),
            Seen(What.EVENT, "decided", at=at(30)),
            *done("take-decision", 31, 32),
        ]
    )
    assert case.deviation is None
    second = [each for each in case.visits if each.element == "check-eligibility"][1]
    assert (second.n, second.ended, second.completed, second.failed) == (2, at(32), False, 1)


def test_what_deviates_is_shown_to_its_end() -> None:
    case = way([*done("open-case", 0, 1), *done("determine", 2, 3), *done("close-case", 4, 5)])
    assert case.deviation is not None
    assert case.deviation.startswith("determine started; the model stands at ")
    assert [each.element for each in case.visits] == ["open-case", "determine", "close-case"]
    assert all(each.completed for each in case.visits)


def test_without_a_model_the_steps_are_known() -> None:
    case = timeline(HEAD, reviewed(), None)
    assert [each.element for each in case.visits] == REVIEWED
    assert case.deviation is None


def test_a_decision_that_an_appeal_took_over_is_none() -> None:
    steps = [Seen(What.STARTED, "record-decision", at=at(0))]
    superseded = Seen(What.COMPLETED, "record-decision", {"superseded": True}, at=at(1))
    assert timeline(HEAD, [*steps, superseded], None).decided is None


@pytest.mark.parametrize(
    ("decided", "ended", "now", "breached"),
    [(90, None, 200, False), (110, 120, 90, True), (None, 90, 200, False), (None, 110, 200, True),
     (None, None, 90, False), (None, None, 110, True)],
)  # fmt: skip
def test_a_deadline_passes_undecided(decided: float | None, ended: float | None, now: float, breached: bool) -> None:
    def instant(minute: float | None) -> datetime | None:
        return None if minute is None else at(minute)

    case = Timeline(**dict(HEAD) | {"due": at(100), "decided": instant(decided), "ended": instant(ended)})
    assert case.breached(at(now)) is breached
    assert not case.model_copy(update={"due": None}).breached(at(now))


@pytest.mark.parametrize("seed", range(40))
def test_any_case_is_the_same_again_and_none_of_its_visits_is_odd(seed: int) -> None:
    steps = [
        Seen(one.what, one.step, one.variables, one.aside, at(n))
        for n, one in enumerate(driven("prior-authorization", Random(seed)))
    ]
    case = way(steps)
    assert case == way(steps)
    assert Timeline.model_validate_json(case.model_dump_json()) == case
    assert sum(each.tries for each in case.visits) == sum(one.what is What.STARTED for one in steps)
    assert sum(each.failed for each in case.visits) == sum(one.what is What.FAILED for one in steps)
    for each in case.visits:
        assert each.ended is None or each.ended >= each.started
        assert each.parked <= each.paused
        assert not each.completed or each.ended
    if case.ended:
        assert all(each.ended for each in case.visits)
