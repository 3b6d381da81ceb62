"""Cases that never were: the plain generators, driven through answers, outages and events drawn at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from domain.envelope import Answer, Envelope, Message
from domain.errors import Defect, Unavailable, WorkflowError
from domain.facts import DeterminationOutcome, Eligibility, EligibilityOutcome, Tolling
from domain.messages import EligibilityAnswer, TaskOpened, TaskWithdrawn
from domain.process.routing import aside, routing
from domain.process.seen import Seen, What
from orchestrators.appeal import appeal
from orchestrators.prior_authorization import prior_authorization
from tests.orchestrators.drive import Act, Activity, AnyOf, Drive, Event, always, in_turn
from tests.orchestrators.test_prior_authorization import (
    DUE,
    ELIGIBLE,
    FILE,
    RECEIVED,
    RECORDED,
    activities,
    deadline,
    determined,
    taken,
)
from tests.processes.recorded import PERSONS

ORCHESTRATORS: dict[str, Callable[..., Any]] = {"prior-authorization": prior_authorization, "appeal": appeal}
AWAY = Unavailable("unavailable:somebody")
DAY = timedelta(days=1)
Planned = tuple[str, datetime | None, Any]
"""An event of ``Drive``."""
LAST = 60
"""Days after which everything answers and everybody has decided."""


@dataclass
class Watched(Drive):
    """A drive that writes down what is seen."""

    seen: list[Seen] = field(default_factory=list)

    def _step(self, steps: Any, item: Any) -> Any:
        self._see_wait()
        if isinstance(item, Act):
            self.seen.append(Seen(What.STARTED, item.envelope.step.id, aside=aside(item.envelope)))
            steps = _Spy(steps, self.seen, item.envelope)
        return super()._step(steps, item)

    def _see_wait(self) -> None:
        status = self.context.status
        if status["waitingFor"] in PERSONS:
            self.seen.append(Seen(What.WAITS, status["step"]))

    def _winner(self, race: AnyOf) -> Any:
        winner = super()._winner(race)
        if isinstance(winner, Event):
            self.seen.append(Seen(What.EVENT, winner.name.partition(":")[0]))
            self.context.current_utc_datetime += timedelta(seconds=1)  # nobody answers in no time
        return winner


@dataclass
class _Spy:
    """Stands before the generator and sees what the activity answers."""

    steps: Any
    seen: list[Seen]
    envelope: Envelope

    def send(self, answer: Any) -> Any:
        data = Answer.model_validate(answer).data
        variables = routing(self.envelope, data, self.envelope.at)
        self.seen.append(Seen(What.COMPLETED, self.envelope.step.id, variables, aside(self.envelope)))
        return self.steps.send(answer)

    def throw(self, error: Exception) -> Any:
        self.seen.append(Seen(What.FAILED, self.envelope.step.id, aside=aside(self.envelope)))
        return self.steps.throw(error)


def driven(workflow: str, random: Random) -> list[Seen]:
    """What is seen of a case of ``workflow`` with all its answers drawn from ``random``."""
    appealable = workflow != "appeal"  # no appeal takes an appeal over
    return _run(Watched(_activities(random, appealable), _events(random, appealable)), workflow)


def _run(drive: Watched, workflow: str) -> list[Seen]:
    try:
        drive.run(ORCHESTRATORS[workflow])
    except Defect:
        return drive.seen  # the instance failed, and stands where it was
    return [*drive.seen, Seen(What.ENDED)]


def decided_while_rules_are_away() -> list[Seen]:
    """A try to judge the member again is left behind by the decision."""
    pend = always(determined(DeterminationOutcome.PEND))
    away = activities(determine=pend, check_eligibility=in_turn([ELIGIBLE, AWAY]))
    return _run(Watched(away, _then("decided:")), "prior-authorization")


def approved_while_eligibility_is_away() -> list[Seen]:
    """The same, and the rules decide with the information that came in."""
    outcomes = [determined(DeterminationOutcome.REQUEST_INFORMATION), determined(DeterminationOutcome.APPROVE)]
    away = activities(determine=in_turn(outcomes), check_eligibility=in_turn([ELIGIBLE, AWAY]))
    return _run(Watched(away, _then("informed:")), "prior-authorization")


def _then(event: str) -> list[Planned]:
    """Coverage changes, and before eligibility is tried again (``LATER``) the wait ends."""
    return [("eligibility-changed:", RECEIVED + DAY, {}), (event, RECEIVED + DAY + timedelta(minutes=5), {})]


DIRECTED = {
    way.__name__.replace("_", "-"): ("prior-authorization", way)
    for way in (decided_while_rules_are_away, approved_while_eligibility_is_away)
}
"""Ways that chance seldom finds."""


def _activities(random: Random, appealable: bool) -> dict[str, Activity]:
    tolling = random.choice(list(Tolling))

    def superseded() -> bool:
        return appealable and random.random() < 0.05

    given: dict[str, Activity] = {
        "open_case": always(FILE.model_copy(update={"closed": random.random() < 0.05})),
        "set_deadline": lambda e: deadline(DUE + len(e.data["pauses"]) * DAY, tolling),
        "check_eligibility": lambda e: _judged(random, again=e.task is not None),
        "determine": lambda e: determined(_outcome(random)),
        "take_decision": lambda e: taken("request-information") if _asks(random, e) else taken("approve", "A1"),
        "open_review": lambda e: TaskOpened(task=f"Task/review{e.data['round']}", superseded=superseded()),
        "request_information": lambda e: TaskOpened(
            task=f"Task/info{e.data['round']}",
            due=random.choice([None, e.at + 2 * DAY]),
            superseded=superseded(),
        ),
        "withdraw_task": lambda e: TaskWithdrawn(withdrawn=random.random() < 0.5),
        "record_decision": lambda e: RECORDED.model_copy(update={"superseded": superseded()}),
    }
    return {name: _outages(random, answer) for name, answer in activities(**given).items()}


def _judged(random: Random, *, again: bool) -> Message:
    outcome = random.choices(list(EligibilityOutcome), (2, 3, 1) if again else (9, 1, 1))[0]
    code = "75" if outcome is EligibilityOutcome.INELIGIBLE else None
    return EligibilityAnswer(eligibility=Eligibility(outcome=outcome, reject_code=code), fired=())


def _asks(random: Random, envelope: Envelope) -> bool:
    """Whether the reviewer does; three times at most."""
    return random.random() < 0.3 and envelope.data["task"] in ("Task/review1", "Task/review2", "Task/review3")


def _outcome(random: Random) -> DeterminationOutcome:
    return random.choice(list(DeterminationOutcome))


def _outages(random: Random, answer: Activity) -> Activity:
    """``answer``, but for one try in vain, or a stretch of time in which the activity's system is away."""
    starts = random.uniform(-1, 10) * DAY if random.random() < 0.2 else None
    lasts = random.choice([timedelta(seconds=5), timedelta(hours=1), 9 * DAY])
    tries, vain = count(1), random.randint(1, 4) if random.random() < 0.3 else 0

    def answered(envelope: Envelope) -> Message | WorkflowError:
        away = next(tries) == vain or (starts is not None and starts <= envelope.at - RECEIVED < starts + lasts)
        return AWAY if away else answer(envelope)

    return answered


def _events(random: Random, appealable: bool) -> list[Planned]:
    """Reviewers decide, providers answer, coverage changes, appeals are filed; operators come every other day."""

    def some(prefix: str, most: int, days: float) -> list[Planned]:
        return [(prefix, RECEIVED + random.uniform(0, days) * DAY, {}) for _ in range(random.randint(0, most))]

    return [
        *some("decided:", 3, 12),
        *some("informed:", 2, 6),
        *some("eligibility-changed:", 3, 10),
        *(some("withdrawn:", 1, 12) if appealable and random.random() < 0.5 else []),
        *[("resumed:", RECEIVED + n * 2 * DAY, {}) for n in range(LAST)],
        *[("decided:", RECEIVED + (LAST + n) * DAY, {}) for n in range(30)],
        *[("informed:", RECEIVED + (LAST + n) * DAY, {}) for n in range(30)],
    ]
