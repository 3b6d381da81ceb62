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


def review(case: Case, clock: Clock, opened: OpenReviewInput) -> Generator[Any, Any, TakenDecision]:
    """A person decides. A request for information ends a round and opens the next one when the answer is in."""
    while True:
        case.task = (yield from call(case, "open-review", TaskOpened, opened)).task
        _load(case, opened.queue, "opened")
        yield from watch(case, "clinical-review", [f"decided:{_id(case.task)}"], waiting_for="reviewer")
        taken = yield from call(case, "take-decision", TakenDecision, TakeDecisionInput(task=case.task))
        _load(case, opened.queue, "closed")
        case.task = None
        if taken.kind != "request-information":
            return taken
        yield from ask(case, clock, opened.round, taken.missing)
        opened = opened.model_copy(update={"round": opened.round + 1})


def ask(case: Case, clock: Clock, round_: int, missing: Sequence[Missing]) -> Generator[Any, Any, None]:
    """Ask the provider for what is missing and wait for it, as long as the policy lets it delay the review."""
    data = RequestInformationInput(round=round_, missing=tuple(missing), policy=clock.deadline.policy)
    asked = yield from call(case, "request-information", TaskOpened, data)
    case.task = asked.task
    case.plan(Due(case.now, "notify-provider", NotifyInput(event="information-requested", key=asked.task)))
    clock.pause()
    event = f"informed:{_id(asked.task)}"
    yield from watch(case, "await-information", [event], waiting_for="provider", until=asked.due)
    yield from call(case, "close-information", Message, CloseInformationInput(task=asked.task))
    case.task = None
    yield from clock.resume()


def _load(case: Case, queue: str, operation: str) -> None:
    """Keep the count of the queue; the Task stays the truth."""
    case.context.signal_entity(EntityId(REVIEW_LOAD, queue), operation, {"task": _id(str(case.task))})


def _id(reference: str) -> str:
    return reference.split("/")[1]
