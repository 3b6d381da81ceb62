"""An appeal that is filed before a decision was made: the case ends as it stands, wherever it waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.envelope import Envelope
from domain.facts import DeterminationOutcome
from domain.messages import RecordedDecision, TaskOpened
from orchestrators.prior_authorization import prior_authorization
from tests.orchestrators.drive import Drive, always
from tests.orchestrators.test_prior_authorization import DUE, activities, determined, taken

LATE = DUE + timedelta(days=1)
SUPERSEDED = {"state": "superseded", "actions": []}
PEND = always(determined(DeterminationOutcome.PEND))
TAKEN_OVER = RecordedDecision(claim_response="ClaimResponse/c", actions=(), superseded=True)


def _opened(envelope: Envelope) -> TaskOpened:
    return TaskOpened(task="Task/never", superseded=True)


@pytest.mark.parametrize(
    ("given", "events", "last"),
    [
        ({"determine": PEND}, [("withdrawn:review1", LATE, {})], "open_review"),
        (
            {"determine": PEND, "take_decision": always(taken("request-information"))},
            [("decided:review1", DUE - timedelta(hours=1), {}), ("withdrawn:info", LATE, {})],
            "request_information",
        ),
        ({"determine": PEND, "open_review": _opened}, [], "open_review"),
        (
            {"determine": always(determined(DeterminationOutcome.REQUEST_INFORMATION)), "request_information": _opened},
            [],
            "request_information",
        ),
        ({"record_decision": always(TAKEN_OVER)}, [], "record_decision"),
    ],
    ids=["in-review", "asked", "before-the-review", "before-the-question", "before-the-record"],
)
def test_an_appealed_case_ends_as_it_stands(given: dict[str, Any], events: list[Any], last: str) -> None:
    drive = Drive(activities(**given), events=events)
    assert drive.run(prior_authorization) == SUPERSEDED
    own = [
        name for name in drive.names() if name not in {"escalate", "record_deemed", "notify_provider", "publish_event"}
    ]
    assert own[-2:] == [last, "close_case"]
    assert "decided" not in [e.data["event"] for n, e in drive.calls if n == "notify_provider"]
    assert dict(drive.calls)["close_case"].data["state"] == "superseded"
    assert drive.context.status["task"] is None
    assert drive.context.status["waitingFor"] is None


def test_a_withdrawn_review_leaves_its_queue() -> None:
    drive = Drive(activities(determine=PEND), events=[("withdrawn:", LATE, {})])
    drive.run(prior_authorization)
    assert drive.context.signals == [("opened", {"task": "review1"}), ("closed", {"task": "review1"})]


def test_an_expiry_that_is_owed_is_recorded_before_the_end() -> None:
    """The engine was down from the receipt until after the appeal."""
    drive = Drive(activities(record_decision=always(TAKEN_OVER)))
    drive.context.current_utc_datetime = LATE
    assert drive.run(prior_authorization) == SUPERSEDED
    owed = ["record_deemed", "escalate", "notify_provider"]
    assert drive.names()[-6:] == [*owed, "publish_event", "publish_event", "close_case"]
