"""The way of a case through the plain generator; the engine's part is tested in tests/workflows."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.envelope import Message
from domain.errors import Defect, Unavailable
from domain.facts import (
    ClockPolicy,
    ClockUnit,
    Determination,
    DeterminationOutcome,
    Eligibility,
    EligibilityOutcome,
    ExpiryMeaning,
    Finding,
    FindingStatus,
    LineOfBusiness,
    Requirement,
    RequirementKind,
    Tolling,
    Urgency,
)
from domain.messages import (
    CaseFile,
    DeadlineSet,
    DetermineAnswer,
    EligibilityAnswer,
    ItemAction,
    ItemDetermination,
    Milestone,
    Missing,
    NecessityAnswer,
    RecordedDecision,
    TakenDecision,
    TaskOpened,
    TaskWithdrawn,
)
from orchestrators.prior_authorization import prior_authorization
from orchestrators.steps import BACKOFF
from tests.orchestrators.drive import Activity, Context, Drive, always, in_turn

RECEIVED = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
DUE = RECEIVED + timedelta(days=7)
AUTOMATIC = [
    "open_case",
    "set_deadline",
    "check_eligibility",
    "assess_necessity",
    "determine",
    "record_decision",
    "notify_provider",
    "publish_event",
    "publish_event",
    "close_case",
]

FILE = CaseFile(
    closed=False,
    state="received",
    received_at=RECEIVED,
    line_of_business=LineOfBusiness.MEDICARE_ADVANTAGE,
    urgency=Urgency.STANDARD,
    rules={"eligibility": "1.0.0"},
    claim="Claim/c",
    submitter="clinic",
)
ELIGIBLE = EligibilityAnswer(eligibility=Eligibility(outcome=EligibilityOutcome.ELIGIBLE), fired=("EL-1",))
RECORDED = RecordedDecision(
    claim_response="ClaimResponse/c/_history/2", actions=("A1",), state="approved", at=RECEIVED + timedelta(minutes=1)
)
AWAY = Unavailable("unavailable:rules")


def policy(tolling: Tolling = Tolling.RUNS) -> ClockPolicy:
    return ClockPolicy(
        row="STANDARD",
        duration=7,
        unit=ClockUnit.CALENDAR_DAYS,
        tolling=tolling,
        extension_days=14,
        expiry=ExpiryMeaning.FAILURE_TO_NOTIFY,
        appeal_days=65,
        information_hours=48,
        source="42 CFR 422.568",
    )


def deadline(due: datetime = DUE, tolling: Tolling = Tolling.RUNS) -> DeadlineSet:
    milestones = tuple(
        Milestone(at=RECEIVED + (due - RECEIVED) * percent / 100, percent=percent) for percent in (50, 75, 90)
    )
    return DeadlineSet(due=due, zone="America/New_York", calendar="c", policy=policy(tolling), milestones=milestones)


def determined(outcome: DeterminationOutcome, reason: str = "because") -> DetermineAnswer:
    item = ItemDetermination(sequence=1, determination=Determination(outcome=outcome, reason=reason))
    return DetermineAnswer(items=(item,), fired=("D-1",))


def taken(kind: str, action: str | None = None, task: str = "Task/r/_history/2") -> TakenDecision:
    items = (ItemAction(sequence=1, action=action),) if action else ()
    return TakenDecision(
        kind=kind, task=task, reviewer="dr-1", items=items, missing=(Missing(sequence=1, code="69990-8"),)
    )


def activities(**given: Any) -> dict[str, Activity]:
    finding = Finding(
        sequence=1, criterion="MN-1", status=FindingStatus.UNKNOWN, text="A sleep study", evidence_code="69990-8"
    )
    requirement = Requirement(sequence=1, kind=RequirementKind.REQUIRED, rule="R-1")
    defaults: dict[str, Activity] = {
        "open_case": always(FILE),
        "set_deadline": always(deadline()),
        "check_eligibility": always(ELIGIBLE),
        "assess_necessity": always(NecessityAnswer(requirements=(requirement,), findings=(finding,), fired=("MN-1",))),
        "determine": always(determined(DeterminationOutcome.APPROVE)),
        "record_decision": always(RECORDED),
        "open_review": lambda e: TaskOpened(task=f"Task/review{e.data['round']}"),
        "take_decision": always(taken("approve", "A1")),
        "request_information": lambda e: TaskOpened(task="Task/info", due=e.at + timedelta(hours=48)),
        **{name: always(Message()) for name in ("notify_provider", "close_case", "close_information", "escalate")},
        **{name: always(Message()) for name in ("record_deemed", "publish_event")},
        "withdraw_task": always(TaskWithdrawn(withdrawn=True)),
    }
    return {**defaults, **given}


def test_rules_approve_at_once() -> None:
    drive = Drive(activities())
    assert drive.run(prior_authorization) == {"state": "decided", "actions": ["A1"]}
    assert drive.names() == AUTOMATIC
    decision = dict(drive.calls)["record_decision"].data
    assert decision["source"] == "rules"
    assert decision["items"] == [{"sequence": 1, "action": "A1"}]
    assert dict(drive.calls)["record_decision"].fired == ("EL-1", "MN-1", "D-1")


def test_a_closed_case_is_left_alone() -> None:
    drive = Drive(activities(open_case=always(FILE.model_copy(update={"closed": True}))))
    drive.run(prior_authorization)
    assert drive.names() == ["open_case"]


def test_an_ineligible_member_is_refused_with_a_reject_code() -> None:
    refused = EligibilityAnswer(
        eligibility=Eligibility(outcome=EligibilityOutcome.INELIGIBLE, reject_code="75"), fired=()
    )
    drive = Drive(activities(check_eligibility=always(refused)))
    drive.run(prior_authorization)
    assert "determine" not in drive.names()
    assert dict(drive.calls)["record_decision"].data["reject_code"] == "75"


def test_a_pended_case_waits_for_a_reviewer() -> None:
    drive = Drive(
        activities(determine=always(determined(DeterminationOutcome.PEND, "no-criterion"))),
        events=[("decided:review1", RECEIVED + timedelta(hours=2), '{"task": "x"}')],
    )
    drive.run(prior_authorization)
    way = ["open_review", "publish_event", "publish_event", "take_decision", "record_decision"]
    assert drive.names()[5:10] == way
    assert dict(drive.calls)["open_review"].data["reasons"] == ["no-criterion"]
    assert dict(drive.calls)["record_decision"].data["review"] == "Task/r/_history/2"
    waiting = [s for s in drive.statuses if s["waitingFor"] == "reviewer"]
    assert waiting[0]["task"] == "Task/review1"
    assert waiting[0]["due"] == DUE.isoformat()


def test_escalations_and_expiry_come_while_a_reviewer_is_awaited() -> None:
    drive = Drive(
        activities(determine=always(determined(DeterminationOutcome.PEND))),
        events=[("decided:", DUE + timedelta(days=9), {})],
    )
    drive.run(prior_authorization)
    percents = [e.data["percent"] for n, e in drive.calls if n == "escalate"]
    assert percents == [50, 75, 90, 100]
    assert [e.at for n, e in drive.calls if n == "record_deemed"] == [DUE]
    notices = [e.data["event"] for n, e in drive.calls if n == "notify_provider"]
    assert notices == ["deemed", "decided"]


def test_a_decision_before_the_first_milestone_escalates_nothing() -> None:
    drive = Drive(
        activities(determine=always(determined(DeterminationOutcome.PEND))),
        events=[("decided:", RECEIVED + timedelta(days=3), {})],
    )
    drive.run(prior_authorization)
    assert "escalate" not in drive.names()


def test_missing_information_is_asked_for_once() -> None:
    outcomes = [determined(DeterminationOutcome.REQUEST_INFORMATION), determined(DeterminationOutcome.APPROVE)]
    drive = Drive(
        activities(determine=in_turn(outcomes)), events=[("informed:info", RECEIVED + timedelta(hours=1), {})]
    )
    drive.run(prior_authorization)
    assert drive.names().count("assess_necessity") == 2
    assert dict(drive.calls)["request_information"].data["missing"] == [{"sequence": 1, "code": "69990-8"}]
    assert [e.data["information_requested"] for n, e in drive.calls if n == "determine"] == [False, True]


def test_information_that_never_comes_ends_in_a_review() -> None:
    outcomes = [determined(DeterminationOutcome.REQUEST_INFORMATION), determined(DeterminationOutcome.PEND)]
    drive = Drive(activities(determine=in_turn(outcomes)), events=[("decided:", RECEIVED + timedelta(days=3), {})])
    drive.run(prior_authorization)
    assert drive.names().count("open_review") == 1
    assert "close_information" in drive.names()


def test_a_reviewer_may_ask_and_decides_in_the_next_round() -> None:
    drive = Drive(
        activities(
            determine=always(determined(DeterminationOutcome.PEND)),
            take_decision=in_turn([taken("request-information"), taken("deny", "A3")]),
        ),
        events=[
            ("decided:review1", RECEIVED + timedelta(hours=1), {}),
            ("informed:info", RECEIVED + timedelta(hours=5), {}),
            ("decided:review2", RECEIVED + timedelta(hours=7), {}),
        ],
    )
    drive.run(prior_authorization)
    assert dict(drive.calls)["record_decision"].data["items"] == [{"sequence": 1, "action": "A3"}]


def test_a_tolling_policy_moves_the_deadline_by_the_pause() -> None:
    later = deadline(DUE + timedelta(hours=5), Tolling.PAUSES)
    outcomes = [determined(DeterminationOutcome.REQUEST_INFORMATION), determined(DeterminationOutcome.PEND)]
    drive = Drive(
        activities(set_deadline=in_turn([deadline(tolling=Tolling.PAUSES), later]), determine=in_turn(outcomes)),
        events=[
            ("informed:", RECEIVED + timedelta(hours=5), {}),
            ("decided:", DUE + timedelta(hours=4), {}),
        ],
    )
    drive.run(prior_authorization)
    pauses = [e.data["pauses"] for n, e in drive.calls if n == "set_deadline"]
    assert pauses[0] == []
    assert pauses[1] == [{"start": "2026-11-02T15:00:00Z", "end": "2026-11-02T20:00:00Z"}]
    assert "record_deemed" not in drive.names()


def test_an_unavailable_dependency_is_retried_with_backoff() -> None:
    drive = Drive(activities(check_eligibility=in_turn([AWAY, AWAY, ELIGIBLE])))
    drive.run(prior_authorization)
    assert drive.names().count("check_eligibility") == 3
    assert drive.calls[-1][1].at - RECEIVED == BACKOFF[0] + BACKOFF[1]


def test_a_dependency_that_stays_away_parks_the_case_and_a_resume_lets_it_go_on() -> None:
    drive = Drive(
        activities(check_eligibility=in_turn([*[AWAY] * (len(BACKOFF) + 1), ELIGIBLE])),
        events=[("resumed:check-eligibility", RECEIVED + timedelta(days=4), "{}")],
    )
    assert drive.run(prior_authorization)["state"] == "decided"
    parked = [s for s in drive.statuses if s["waitingFor"] == "operator"]
    assert parked[0]["detail"].startswith("rules resumed:check-eligibility:")
    assert [e.data["percent"] for n, e in drive.calls if n == "escalate"] == [50]


def test_a_defect_fails_the_instance_at_once() -> None:
    drive = Drive(activities(determine=always(Defect("defect:rules-refused"))))
    with pytest.raises(Defect, match="rules-refused"):
        drive.run(prior_authorization)


def test_an_escalation_whose_dependency_is_away_comes_later() -> None:
    tries = in_turn([AWAY, Message(), Message(), Message()])
    drive = Drive(
        activities(determine=always(determined(DeterminationOutcome.PEND)), escalate=tries),
        events=[("decided:", DUE - timedelta(minutes=1), {})],
    )
    drive.run(prior_authorization)
    at = [e.at - RECEIVED for n, e in drive.calls if n == "escalate"]
    assert at[1] - at[0] == timedelta(minutes=15)
    assert len(at) == 4


def test_no_failure_quotes_an_answer_or_an_input() -> None:
    class Wrong(Message):
        due: str = "Jane Doe"

    drive = Drive(activities(set_deadline=always(Wrong())))
    with pytest.raises(Defect) as caught:
        drive.run(prior_authorization)
    assert (str(caught.value), caught.value.__cause__) == ("invalid-answer", None)
    assert "Jane" not in "".join(traceback.format_exception(caught.value))
    drive = Drive(activities(), context=Context(Wrong()))  # type: ignore[arg-type]
    with pytest.raises(Defect) as caught:
        drive.run(prior_authorization)
    assert str(caught.value) == "invalid-input"
    assert "Jane" not in "".join(traceback.format_exception(caught.value))
