"""The clock in the plain generator: what an expiry means, and what stays owed while the clock stands still."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.envelope import Message
from domain.facts import DeterminationOutcome, ExpiryMeaning, Tolling
from domain.messages import DeadlineSet
from orchestrators.prior_authorization import prior_authorization
from orchestrators.steps import LATER
from tests.orchestrators.drive import Drive, always, in_turn
from tests.orchestrators.test_prior_authorization import AWAY, DUE, RECEIVED, activities, deadline, determined, taken

PEND = always(determined(DeterminationOutcome.PEND))
HALF = RECEIVED + (DUE - RECEIVED) / 2


def _meaning(expiry: ExpiryMeaning) -> DeadlineSet:
    given = deadline()
    return given.model_copy(update={"policy": given.policy.model_copy(update={"expiry": expiry})})


@pytest.mark.parametrize(
    ("expiry", "event"),
    [
        (ExpiryMeaning.DEEMED_DENIED, "deemed"),
        (ExpiryMeaning.FAILURE_TO_NOTIFY, "deemed"),
        (ExpiryMeaning.LATE, "overdue"),
    ],
)
def test_an_expiry_is_recorded_told_to_supervisors_and_to_the_provider(expiry: ExpiryMeaning, event: str) -> None:
    drive = Drive(
        activities(determine=PEND, set_deadline=always(_meaning(expiry))),
        events=[("decided:", DUE + timedelta(days=1), {})],
    )
    drive.run(prior_authorization)
    expired = [(name, e.data) for name, e in drive.calls if DUE <= e.at < DUE + timedelta(hours=1)]
    assert [name for name, _ in expired] == ["record_deemed", "escalate", "notify_provider", "publish_event"]
    assert expired[0][1]["policy"]["expiry"] == expiry
    assert expired[1][1]["percent"] == 100
    assert expired[2][1]["event"] == event


def test_the_decision_knows_how_long_it_may_be_appealed() -> None:
    drive = Drive(activities())
    drive.run(prior_authorization)
    assert dict(drive.calls)["record_decision"].data["policy"]["appeal_days"] == 65


def test_what_was_tried_in_vain_is_owed_while_the_clock_stands_still() -> None:
    """Half of the time is gone, nobody can be told, and a minute later the reviewer asks."""
    moved = deadline(DUE + timedelta(hours=20), Tolling.PAUSES)
    drive = Drive(
        activities(
            determine=PEND,
            set_deadline=in_turn([deadline(tolling=Tolling.PAUSES), moved]),
            escalate=in_turn([AWAY, *[Message()] * 5]),
            take_decision=in_turn([taken("request-information"), taken("approve", "A1")]),
        ),
        events=[
            ("decided:review1", HALF + timedelta(minutes=1), {}),
            ("informed:", HALF + timedelta(hours=20), {}),
            ("decided:review2", HALF + timedelta(hours=21), {}),
        ],
    )
    drive.run(prior_authorization)
    escalated = [(e.data["percent"], e.at) for name, e in drive.calls if name == "escalate"]
    assert escalated == [(50, HALF), (50, HALF + LATER[0])]


def test_a_question_answered_at_once_ends_its_pause() -> None:
    """Asked and answered in one instant; a second question comes after the deadline, when no clock runs any more."""
    asked = taken("request-information")
    drive = Drive(
        activities(
            determine=PEND,
            set_deadline=always(deadline(tolling=Tolling.PAUSES)),
            take_decision=in_turn([asked, asked, taken("approve", "A1")]),
        ),
        events=[
            ("decided:review1", HALF, {}),
            ("informed:", HALF, {}),
            ("decided:review2", DUE + timedelta(hours=1), {}),
            ("informed:", DUE + timedelta(hours=2), {}),
            ("decided:review3", DUE + timedelta(hours=3), {}),
        ],
    )
    drive.run(prior_authorization)
    set_deadline = [e.data["pauses"] for name, e in drive.calls if name == "set_deadline"]
    assert [[pause["start"] == pause["end"] for pause in pauses] for pauses in set_deadline] == [[], [True]]
    assert [name for name, _ in drive.calls].count("record_deemed") == 1
