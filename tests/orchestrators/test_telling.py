"""What others are told, when, and in which order: after the provider, and never instead of anything else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from domain.envelope import Envelope, Message
from domain.errors import Unavailable
from domain.events.catalog import BY_NAME
from domain.facts import DeterminationOutcome, Tolling
from domain.messages import RecordedDecision
from orchestrators.appeal import appeal
from orchestrators.prior_authorization import prior_authorization
from orchestrators.steps import BACKOFF, QUIET
from tests.orchestrators.drive import Activity, Drive, always, in_turn
from tests.orchestrators.test_prior_authorization import DUE, FILE, RECEIVED, activities, deadline, determined, taken

PEND = always(determined(DeterminationOutcome.PEND, "no-criterion"))
ASK = always(determined(DeterminationOutcome.REQUEST_INFORMATION))
AWAY = Unavailable("unavailable:events")
CASE = "prior-authorization-" + "0" * 32
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def told(drive: Drive) -> list[str]:
    """Elements that published, in order, each try."""
    return [envelope.step.id for name, envelope in drive.calls if name == "publish_event"]


def until(back: Any) -> Activity:
    """A log that is away until an instant."""
    return lambda envelope: AWAY if envelope.at < back else Message()


def event(drive: Drive, element: str) -> dict[str, Any]:
    """The data of the event that ``element`` published, as its model takes it."""
    (given,) = [e.data for name, e in drive.calls if name == "publish_event" and e.step.id == element]
    model = BY_NAME[given["type"]].data
    read = model.model_validate({**given["data"], "case": CASE, "record": "Task/1"})
    assert set(given["data"]) < set(model.model_fields)
    return read.model_dump(mode="json", exclude_none=True, exclude={"case", "record"})


def test_an_automatic_case_tells_when_the_provider_knows() -> None:
    drive = Drive(activities())
    drive.run(prior_authorization)
    assert drive.names()[-4:] == ["notify_provider", "publish_event", "publish_event", "close_case"]
    assert told(drive) == ["publish-received", "publish-decided"]
    assert event(drive, "publish-received") == {
        "claim": "Claim/c",
        "submitter": "clinic",
        "line_of_business": "medicare-advantage",
        "urgency": "standard",
        "received_at": "2026-11-02T15:00:00Z",
        "due": "2026-11-09T15:00:00Z",
    }
    assert event(drive, "publish-decided") == {
        "response": "ClaimResponse/c/_history/2",
        "state": "approved",
        "source": "rules",
        "actions": ["A1"],
        "decided_at": "2026-11-02T15:01:00Z",
    }


def test_a_case_that_waits_shows_it_before_it_tells() -> None:
    standing: list[Any] = []

    def publish(envelope: Envelope) -> Message:
        standing.append((envelope.step.id, drive.context.status["step"], drive.context.status["waitingFor"]))
        return Message()

    drive = Drive(activities(determine=PEND, publish_event=publish), events=[("decided:", RECEIVED + HOUR, {})])
    drive.run(prior_authorization)
    assert standing[:2] == [
        ("publish-received", "clinical-review", "reviewer"),
        ("publish-pended", "clinical-review", "reviewer"),
    ]
    assert told(drive) == ["publish-received", "publish-pended", "publish-decided"]
    assert event(drive, "publish-pended") == {
        "task": "Task/review1",
        "due": "2026-11-09T15:00:00Z",
        "reasons": ["no-criterion"],
    }


def test_the_provider_is_asked_before_others_are_told() -> None:
    outcomes = in_turn([ASK(None), determined(DeterminationOutcome.APPROVE)])  # type: ignore[arg-type]
    drive = Drive(activities(determine=outcomes), events=[("informed:", RECEIVED + HOUR, {})])
    drive.run(prior_authorization)
    asked = drive.names().index("request_information")
    assert drive.names()[asked + 1 : asked + 4] == ["notify_provider", "publish_event", "publish_event"]
    assert told(drive) == ["publish-received", "publish-information-requested", "publish-decided"]
    assert event(drive, "publish-information-requested") == {"task": "Task/info", "due": "2026-11-04T15:00:00Z"}


def test_an_expiry_is_told_after_the_provider_knows() -> None:
    drive = Drive(activities(determine=PEND), events=[("decided:", DUE + DAY, {})])
    drive.run(prior_authorization)
    expired = [(n, e.step.id) for n, e in drive.calls if DUE <= e.at < DUE + DAY]
    assert [step for _, step in expired][-2:] == ["notify-provider", "publish-expired"]
    assert event(drive, "publish-expired") == {"state": "deemed", "policy": "STANDARD", "due": "2026-11-09T15:00:00Z"}
    assert told(drive) == ["publish-received", "publish-pended", "publish-expired", "publish-decided"]


def test_an_appeal_tells_what_it_appeals() -> None:
    original = "prior-authorization-" + "1" * 32
    file = FILE.model_copy(update={"appeals": original})
    drive = Drive(activities(open_case=always(file)), events=[("decided:", RECEIVED + HOUR, {})])
    drive.run(appeal)
    assert told(drive) == ["publish-received", "publish-pended", "publish-decided"]
    assert event(drive, "publish-received")["appeals"] == original
    assert event(drive, "publish-pended")["reasons"] == ["appeal"]


def test_a_case_that_ends_without_a_decision_tells_what_was() -> None:
    over = RecordedDecision(claim_response="ClaimResponse/c", actions=(), superseded=True)
    drive = Drive(activities(record_decision=always(over)))
    drive.run(prior_authorization)
    assert told(drive) == ["publish-received"]
    assert drive.names()[-1] == "close_case"


def test_a_log_that_is_away_holds_up_nothing_else() -> None:
    """Escalations come in time, the decision is taken up at once and told; then the case waits with its events."""
    back = RECEIVED + timedelta(days=30)
    decided = DUE - HOUR
    drive = Drive(
        activities(determine=PEND, publish_event=until(back)),
        events=[("decided:", decided, {}), ("resumed:publish-received:", back, {})],
    )
    assert drive.run(prior_authorization)["state"] == "decided"
    escalated = [e.at for name, e in drive.calls if name == "escalate"]
    assert escalated == [RECEIVED + (DUE - RECEIVED) * percent / 100 for percent in (50, 75, 90)]
    for name in ("take_decision", "record_decision", "notify_provider"):
        assert [e.at for n, e in drive.calls if n == name] == [decided]
    parked = next(s for s in drive.statuses if s["waitingFor"] == "operator")
    assert (parked["step"], parked["detail"].split(":")[0]) == ("publish-received", "events resumed")
    assert [e.at for n, e in drive.calls if n == "close_case"] == [back]


def test_events_keep_their_order_through_an_outage() -> None:
    drive = Drive(
        activities(determine=PEND, publish_event=until(RECEIVED + 2 * HOUR)), events=[("decided:", RECEIVED + DAY, {})]
    )
    drive.run(prior_authorization)
    tries = [e for name, e in drive.calls if name == "publish_event"]
    done = [e.step.id for e in tries if e.at >= RECEIVED + 2 * HOUR]
    assert done == ["publish-received", "publish-pended", "publish-decided"]
    assert {e.step.id for e in tries if e.at < RECEIVED + 2 * HOUR} == {"publish-received"}
    assert [later.at - e.at for e, later in pairwise(tries)][:3] == list(QUIET[:3])


def test_a_try_of_an_event_is_the_first_one_over_again() -> None:
    """Its id is made of this, so readers drop copies."""
    drive = Drive(activities(publish_event=in_turn([AWAY, AWAY, Message(), Message()])))
    drive.run(prior_authorization)
    first, second, third, _ = [e.data for name, e in drive.calls if name == "publish_event"]
    assert first == second == third
    assert drive.calls[-1][1].at - RECEIVED == BACKOFF[0] + BACKOFF[1]


def test_an_event_that_waits_outlives_a_clock_that_stands_still() -> None:
    moved = deadline(DUE + HOUR, Tolling.PAUSES)
    drive = Drive(
        activities(
            determine=PEND,
            set_deadline=in_turn([deadline(tolling=Tolling.PAUSES), moved]),
            take_decision=in_turn([taken("request-information"), taken("approve", "A1")]),
            publish_event=until(RECEIVED + 3 * HOUR),
        ),
        events=[
            ("decided:review1", RECEIVED + HOUR, {}),
            ("informed:", RECEIVED + 2 * HOUR, {}),
            ("decided:review2", RECEIVED + DAY, {}),
        ],
    )
    drive.run(prior_authorization)
    assert [e.step.id for n, e in drive.calls if n == "publish_event" and e.at >= RECEIVED + 3 * HOUR] == [
        "publish-received",
        "publish-pended",
        "publish-information-requested",
        "publish-pended",
        "publish-decided",
    ]


@pytest.mark.parametrize("orchestrator", [prior_authorization, appeal])
def test_a_closed_case_tells_nothing(orchestrator: Callable[[Any], Any]) -> None:
    drive = Drive(activities(open_case=always(FILE.model_copy(update={"closed": True}))))
    drive.run(orchestrator)
    assert drive.names() == ["open_case"]
