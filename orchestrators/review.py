"""The human part that a prior authorization and its appeal share: a review, and the request for more information."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import datetime
from typing import Any, Final

from azure.durable_functions import EntityId

from domain.envelope import Message
from domain.errors import Unavailable
from domain.facts import EligibilityOutcome
from domain.load import REVIEW_LOAD
from domain.messages import (
    CloseInformationInput,
    EligibilityAnswer,
    Missing,
    NotifyInput,
    OpenReviewInput,
    RequestInformationInput,
    TakeDecisionInput,
    TakenDecision,
    TaskOpened,
    TaskWithdrawn,
    WithdrawTaskInput,
)
from orchestrators.case import Case, Due
from orchestrators.clock import Clock
from orchestrators.steps import LATER, attempt, call, watch
from orchestrators.telling import information_requested, pended

CHANGED: Final = "eligibility-changed"
"""Event: the member's coverage changed. Named per task, as ``decided`` and the others are."""


class Superseded(Exception):
    """An appeal was filed before a decision was made: the case ends without one, and the appeal's counts."""


class Ineligible(Exception):
    """The member is not eligible; ``code``: the X12 901 code of the refusal. No human task is open any more."""

    def __init__(self, code: str | None) -> None:
        super().__init__(code)
        self.code = code


def judged(case: Case, answer: EligibilityAnswer) -> None:
    """Keep what was judged of the member. Raises ``Ineligible``."""
    case.credit(*answer.fired)
    case.eligible = answer.eligibility
    _check_eligible(case)


def review(case: Case, clock: Clock, opened: OpenReviewInput) -> Generator[Any, Any, TakenDecision]:
    """A person decides. A request for information ends a round and opens the next one when the answer is in.

    Raises ``Superseded`` when the review is withdrawn, ``Ineligible`` when the member turns out not to be.
    """
    while True:
        task = (yield from _opened(case, "open-review", opened)).task
        _load(case, opened.queue, "opened")
        case.tell(pended(case, task, opened.reasons))
        try:
            yield from _done(case, "clinical-review", "decided", waiting_for="reviewer")
        except (Superseded, Ineligible):
            _load(case, opened.queue, "closed")
            raise
        taken = yield from call(case, "take-decision", TakenDecision, TakeDecisionInput(task=task))
        _load(case, opened.queue, "closed")
        case.task = None
        if taken.kind != "request-information":
            return taken
        yield from ask(case, clock, opened.round, taken.missing)
        opened = opened.model_copy(update={"round": opened.round + 1})


def ask(case: Case, clock: Clock, round_: int, missing: Sequence[Missing]) -> Generator[Any, Any, None]:
    """Ask the provider for what is missing and wait for it, as long as the policy lets it delay the review.

    Raises ``Superseded`` when the question is withdrawn, ``Ineligible`` when the member turns out not to be.
    """
    _check_eligible(case)
    data = RequestInformationInput(round=round_, missing=tuple(missing), policy=clock.deadline.policy)
    asked = yield from _opened(case, "request-information", data)
    case.plan(Due(case.now, "notify-provider", NotifyInput(event="information-requested", key=asked.task)))
    case.tell(information_requested(case, asked))
    clock.pause()
    yield from _done(case, "await-information", "informed", waiting_for="provider", until=asked.due)
    yield from call(case, "close-information", Message, CloseInformationInput(task=asked.task))
    case.task = None
    yield from clock.resume()
    _check_eligible(case)


def _done(
    case: Case, step: str, done: str, *, waiting_for: str, until: datetime | None = None
) -> Generator[Any, Any, None]:
    """Wait until the open task is ``done``, or ``until``. When the member's coverage changed, eligibility is judged
    again meanwhile: as often as that is told, later when the rules are away, and without holding a decision up.

    Raises ``Superseded`` and ``Ineligible``; the task is withdrawn then.
    """
    finished, withdrawn, changed = (f"{what}:{_id(str(case.task))}" for what in (done, "withdrawn", CHANGED))
    events = [finished, withdrawn, *([changed] if case.eligible else [])]
    earlier: list[tuple[str, Any]] = []
    tries, again = 0, None
    while True:
        end = min((at for at in (until, again) if at), default=None)
        event = yield from watch(case, step, events, waiting_for=waiting_for, until=end, earlier=earlier)
        if event == withdrawn:
            raise Superseded
        if event == finished or (event is None and end == until):
            return
        try:
            yield from _judge_again(case)
            tries, again = 0, None
        except Unavailable:
            tries, again = tries + 1, case.now + LATER[min(tries, len(LATER) - 1)]


def _judge_again(case: Case) -> Generator[Any, Any, None]:
    """One try. Raises ``Ineligible`` when the open task was withdrawn for it; one that a person has finished a moment
    before stays, and what comes of it is on its way."""
    case.show("check-eligibility")
    try:
        judged(case, (yield from attempt(case, "check-eligibility", EligibilityAnswer)))
    except Ineligible:
        task = str(case.task)
        closed = yield from call(case, "withdraw-task", TaskWithdrawn, WithdrawTaskInput(task=task))
        if closed.withdrawn:
            raise


def _check_eligible(case: Case) -> None:
    if case.eligible and case.eligible.outcome is EligibilityOutcome.INELIGIBLE:
        raise Ineligible(case.eligible.reject_code)


def _opened(case: Case, step: str, data: Message) -> Generator[Any, Any, TaskOpened]:
    """Open a human task; the case waits at it from now on."""
    opened = yield from call(case, step, TaskOpened, data)
    if opened.superseded:
        raise Superseded
    case.task = opened.task
    return opened


def _load(case: Case, queue: str, operation: str) -> None:
    """Keep the count of the queue; the Task stays the truth."""
    case.context.signal_entity(EntityId(REVIEW_LOAD, queue), operation, {"task": _id(str(case.task))})


def _id(reference: str) -> str:
    return reference.split("/")[1]
