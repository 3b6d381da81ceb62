"""The human part that a prior authorization and its appeal share: a review, and the request for more information."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from azure.durable_functions import EntityId

from domain.envelope import Message
from domain.load import REVIEW_LOAD
from domain.messages import (
    CloseInformationInput,
    Missing,
    NotifyInput,
    OpenReviewInput,
    RequestInformationInput,
    TakeDecisionInput,
    TakenDecision,
    TaskOpened,
)
from orchestrators.case import Case, Due
from orchestrators.clock import Clock
from orchestrators.steps import call, watch


class Superseded(Exception):
    """An appeal was filed before a decision was made: the case ends without one, and the appeal's counts."""


def review(case: Case, clock: Clock, opened: OpenReviewInput) -> Generator[Any, Any, TakenDecision]:
    """A person decides. A request for information ends a round and opens the next one when the answer is in.

    Raises ``Superseded`` when the review is withdrawn.
    """
    while True:
        task = (yield from _opened(case, "open-review", opened)).task
        _load(case, opened.queue, "opened")
        decided, withdrawn = f"decided:{_id(task)}", f"withdrawn:{_id(task)}"
        event = yield from watch(case, "clinical-review", [decided, withdrawn], waiting_for="reviewer")
        if event == withdrawn:
            _load(case, opened.queue, "closed")
            raise Superseded
        taken = yield from call(case, "take-decision", TakenDecision, TakeDecisionInput(task=task))
        _load(case, opened.queue, "closed")
        case.task = None
        if taken.kind != "request-information":
            return taken
        yield from ask(case, clock, opened.round, taken.missing)
        opened = opened.model_copy(update={"round": opened.round + 1})


def ask(case: Case, clock: Clock, round_: int, missing: Sequence[Missing]) -> Generator[Any, Any, None]:
    """Ask the provider for what is missing and wait for it, as long as the policy lets it delay the review.

    Raises ``Superseded`` when the question is withdrawn.
    """
    data = RequestInformationInput(round=round_, missing=tuple(missing), policy=clock.deadline.policy)
    asked = yield from _opened(case, "request-information", data)
    case.plan(Due(case.now, "notify-provider", NotifyInput(event="information-requested", key=asked.task)))
    clock.pause()
    informed, withdrawn = f"informed:{_id(asked.task)}", f"withdrawn:{_id(asked.task)}"
    event = yield from watch(case, "await-information", [informed, withdrawn], waiting_for="provider", until=asked.due)
    if event == withdrawn:
        raise Superseded
    yield from call(case, "close-information", Message, CloseInformationInput(task=asked.task))
    case.task = None
    yield from clock.resume()


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
