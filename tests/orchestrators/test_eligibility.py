"""A member's coverage changes while a person is awaited: eligibility is judged again, and nothing else is held up."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.facts import DeterminationOutcome, Eligibility, EligibilityOutcome
from domain.messages import EligibilityAnswer, RecordedDecision, TaskWithdrawn
from orchestrators.appeal import appeal
from orchestrators.prior_authorization import prior_authorization
from orchestrators.steps import LATER
from tests.orchestrators.drive import Drive, always, in_turn
from tests.orchestrators.test_prior_authorization import AWAY, DUE, ELIGIBLE, RECEIVED, activities, determined, taken

PEND = always(determined(DeterminationOutcome.PEND))
ASK = always(determined(DeterminationOutcome.REQUEST_INFORMATION))
UNKNOWN = EligibilityAnswer(eligibility=Eligibility(outcome=EligibilityOutcome.UNKNOWN), fired=("EL-2",))
INELIGIBLE = EligibilityAnswer(
    eligibility=Eligibility(outcome=EligibilityOutcome.INELIGIBLE, reject_code="95"), fired=("EL-22",)
)
FINISHED = always(TaskWithdrawn(withdrawn=False))
HOUR = timedelta(hours=1)


def after(hours: float) -> Any:
    return RECEIVED + hours * HOUR


def decision(drive: Drive) -> dict[str, Any]:
    """What was recorded."""
    data: dict[str, Any] = dict(drive.calls)["record_decision"].data
    return {key: data[key] for key in ("source", "items", "reject_code") if data.get(key)}


REFUSED = {"source": "rules", "reject_code": "95"}


def test_a_review_ends_with_the_refusal() -> None:
    drive = Drive(
        activities(determine=PEND, check_eligibility=in_turn([ELIGIBLE, INELIGIBLE])),
        events=[("eligibility-changed:review1", after(1), {})],
    )
    assert drive.run(prior_authorization)["state"] == "decided"
    way = drive.names()
    assert way[way.index("withdraw_task") - 1 :][:4] == [
        "check_eligibility",
        "withdraw_task",
        "record_decision",
        "notify_provider",
    ]
    assert dict(drive.calls)["withdraw_task"].data == {"task": "Task/review1"}
    assert decision(drive) == REFUSED
    recorded = dict(drive.calls)["record_decision"]
    assert recorded.fired == ("EL-1", "MN-1", "D-1", "EL-22")
    assert recorded.task is None
    assert drive.context.signals == [("opened", {"task": "review1"}), ("closed", {"task": "review1"})]
    assert drive.context.status["task"] is None


def test_a_question_to_the_provider_ends_with_the_refusal() -> None:
    drive = Drive(
        activities(determine=ASK, check_eligibility=in_turn([ELIGIBLE, INELIGIBLE])),
        events=[("eligibility-changed:info", after(1), {})],
    )
    drive.run(prior_authorization)
    assert dict(drive.calls)["withdraw_task"].data == {"task": "Task/info"}
    assert decision(drive) == REFUSED
    assert drive.names().count("assess_necessity") == 1


def test_a_member_who_stays_eligible_is_reviewed_on() -> None:
    """However often the coverage changes; each wait is one of new tasks (``Drive`` watches that)."""
    drive = Drive(
        activities(determine=PEND, check_eligibility=in_turn([ELIGIBLE, ELIGIBLE, UNKNOWN, ELIGIBLE])),
        events=[
            ("eligibility-changed:review1", after(1), {}),
            ("eligibility-changed:review1", after(2), {}),
            ("eligibility-changed:review1", after(100), {}),
            ("decided:review1", after(120), {}),
        ],
    )
    drive.run(prior_authorization)
    assert [e.at for n, e in drive.calls if n == "check_eligibility"] == [after(0), after(1), after(2), after(100)]
    assert decision(drive)["items"] == [{"sequence": 1, "action": "A1"}]
    assert "withdraw_task" not in drive.names()
    assert [e.data["percent"] for n, e in drive.calls if n == "escalate"] == [50]


def test_what_was_judged_last_goes_into_the_determination() -> None:
    outcomes = in_turn([ASK(None), determined(DeterminationOutcome.APPROVE)])  # type: ignore[arg-type]
    drive = Drive(
        activities(determine=outcomes, check_eligibility=in_turn([ELIGIBLE, UNKNOWN])),
        events=[("eligibility-changed:info", after(1), {}), ("informed:info", after(2), {})],
    )
    drive.run(prior_authorization)
    assert [e.data["eligibility"] for n, e in drive.calls if n == "determine"] == ["eligible", "unknown"]


def test_rules_that_are_away_hold_no_decision_up() -> None:
    drive = Drive(
        activities(determine=PEND, check_eligibility=in_turn([ELIGIBLE, AWAY, AWAY])),
        events=[("eligibility-changed:review1", after(1), {}), ("decided:review1", after(1.5), {})],
    )
    drive.run(prior_authorization)
    assert [e.at for n, e in drive.calls if n == "check_eligibility"] == [after(0), after(1), after(1) + LATER[0]]
    assert [e.at for n, e in drive.calls if n == "take_decision"] == [after(1.5)]
    assert "operator" not in [status["waitingFor"] for status in drive.statuses]


def test_rules_that_come_back_judge_what_changed() -> None:
    drive = Drive(
        activities(determine=PEND, check_eligibility=in_turn([ELIGIBLE, AWAY, INELIGIBLE])),
        events=[("eligibility-changed:review1", after(1), {})],
    )
    drive.run(prior_authorization)
    assert [e.at for n, e in drive.calls if n == "record_decision"] == [after(1) + LATER[0]]
    assert decision(drive) == REFUSED


def test_the_provider_is_not_awaited_longer_for_it() -> None:
    """The rules are away when the time is up: the case goes on with what it knows."""
    drive = Drive(
        activities(
            determine=in_turn([ASK(None), PEND(None)]),  # type: ignore[arg-type]
            check_eligibility=in_turn([ELIGIBLE, *[AWAY] * 9]),
        ),
        events=[("eligibility-changed:info", after(47), {}), ("decided:", after(60), {})],
    )
    drive.run(prior_authorization)
    assert [e.at for n, e in drive.calls if n == "close_information"] == [after(48)]


def test_a_decision_that_was_stored_a_moment_before_stands() -> None:
    drive = Drive(
        activities(determine=PEND, check_eligibility=in_turn([ELIGIBLE, INELIGIBLE]), withdraw_task=FINISHED),
        events=[("eligibility-changed:review1", after(1), {}), ("decided:review1", after(1.1), {})],
    )
    drive.run(prior_authorization)
    assert decision(drive) == {"source": "reviewer", "items": [{"sequence": 1, "action": "A1"}]}
    assert drive.context.signals.count(("closed", {"task": "review1"})) == 1


def test_a_question_that_was_stored_a_moment_before_is_not_asked() -> None:
    drive = Drive(
        activities(
            determine=PEND,
            check_eligibility=in_turn([ELIGIBLE, INELIGIBLE]),
            withdraw_task=FINISHED,
            take_decision=always(taken("request-information")),
        ),
        events=[("eligibility-changed:review1", after(1), {}), ("decided:review1", after(1.1), {})],
    )
    drive.run(prior_authorization)
    assert "request_information" not in drive.names()
    assert decision(drive) == REFUSED


def test_an_answer_that_came_a_moment_before_changes_nothing() -> None:
    drive = Drive(
        activities(determine=ASK, check_eligibility=in_turn([ELIGIBLE, INELIGIBLE]), withdraw_task=FINISHED),
        events=[("eligibility-changed:info", after(1), {}), ("informed:info", after(1.1), {})],
    )
    drive.run(prior_authorization)
    assert "close_information" in drive.names()
    assert decision(drive) == REFUSED


def test_an_appeal_that_took_the_case_over_is_the_one_that_counts() -> None:
    over = RecordedDecision(claim_response="ClaimResponse/c", actions=(), superseded=True)
    drive = Drive(
        activities(determine=PEND, check_eligibility=in_turn([ELIGIBLE, INELIGIBLE]), record_decision=always(over)),
        events=[("eligibility-changed:review1", DUE + HOUR, {})],
    )
    assert drive.run(prior_authorization)["state"] == "superseded"


def test_an_appeal_is_decided_by_a_person_alone() -> None:
    drive = Drive(activities(), events=[("eligibility-changed:", after(1), {}), ("decided:", after(2), {})])
    drive.run(appeal)
    assert "check_eligibility" not in drive.names()
    assert decision(drive)["source"] == "reviewer"


@pytest.mark.parametrize("step", ["withdraw_task", "record_decision"])
def test_a_dependency_that_is_away_then_parks_the_case(step: str) -> None:
    given = activities()[step]
    tries = iter([AWAY] * 10)
    drive = Drive(
        activities(
            determine=PEND,
            check_eligibility=in_turn([ELIGIBLE, INELIGIBLE]),
            **{step: lambda envelope: next(tries, None) or given(envelope)},
        ),
        events=[("eligibility-changed:review1", after(1), {}), ("resumed:", after(3), {})],
    )
    drive.run(prior_authorization)
    assert decision(drive) == REFUSED
    assert [e.at for n, e in drive.calls if n == "close_case"] == [after(3)]
