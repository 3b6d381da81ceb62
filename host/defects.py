"""Says in one loud line each where Azure's own behaviour is at work, which ``--compat fixed`` would spare the app."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from host.ask import Answer, Question
from host.determinism import contradictions
from host.model import Event
from host.position import Position
from host.replay import replay

log = logging.getLogger(__name__)


class DefectLog:
    """Names defect and instance, once per occurrence."""

    def __init__(self) -> None:
        self._stuck: set[str] = set()

    def report(self, instance_id: str, arrived: Sequence[Event], position: Position) -> None:
        """Look at where a turn under ``azure`` has led. ``arrived``: the messages of the turn."""
        self._event_slot(instance_id, arrived, position)
        self._events_lost(instance_id, position)
        self._ordered_scheduling(instance_id, position)

    def _event_slot(self, instance_id: str, arrived: Sequence[Event], position: Position) -> None:
        new = {id(event) for event in arrived}
        for event in position.early:
            if id(event) in new:
                log.warning(
                    "event-slot: event '%s' reached instance %s before a wait for it; the SDK keeps one such event a "
                    "name and may hand it to several waits (azure-functions-durable-python#507)",
                    event.name,
                    instance_id,
                )

    def _events_lost(self, instance_id: str, position: Position) -> None:
        if position.continued is not None and position.early and not position.open:
            log.warning(
                "events-lost: instance %s continued as new with %d unread event(s), which Azure drops "
                "(azure-functions-durable-python#331)",
                instance_id,
                len(position.early),
            )

    def _ordered_scheduling(self, instance_id: str, position: Position) -> None:
        if not position.stuck:
            self._stuck.discard(instance_id)
        elif instance_id not in self._stuck:
            self._stuck.add(instance_id)
            log.warning(
                "ordered-scheduling: instance %s went on, but as on Azure its next action starts only after every task "
                "of an earlier task_any, task_all or wait that was sent has ended; a retry among them shifts the "
                "numbers of all later tasks",
                instance_id,
            )


def event_again(question: Question, answer: Answer) -> None:
    """The code continued as new. Did events win that the next execution reads once more?"""
    events = (*question.before, *question.new)
    again = len(answer.position.unread) - len(_meant(answer, events).unread)
    if again > 0:
        log.warning(
            "event-again: instance %s continues as new and reads %d event(s) again that beat a timer which it then "
            "cancelled; await something in between (azure-functions-durable-extension#2606)",
            question.instance.instance_id,
            again,
        )


def contradicted(question: Question, answer: Answer) -> None:
    """The instance fails as non-deterministic. Is it the code's doing?"""
    if answer.decision.stateless:
        failure = answer.decision.failure
        log.warning(
            "no-state: instance %s fails as non-deterministic, as on Azure, because its code ended past the SDK, which "
            "then tells no actions: %s",
            question.instance.instance_id,
            f"{failure.type} at {' < '.join(reversed(failure.frames)) or 'no known place'}" if failure else "no state",
        )
        return
    events = (*question.before, *question.new)
    if next(contradictions(question.before, _meant(answer, events)), None) is None:
        log.warning(
            "late-cancel: instance %s fails as non-deterministic, as on Azure, because a timer that it cancelled "
            "counts as cancelled from the start: what a retry beside it has numbered since no longer fits",
            question.instance.instance_id,
        )


def _meant(answer: Answer, events: Sequence[Event]) -> Position:
    return replay(answer.decision.actions, events, greedy=True)


def plain_json(target: str) -> None:
    """``target``: the instance or entity that got an input which the SDK cannot read."""
    log.warning(
        "plain-json: the input of %s is not JSON text within a JSON string, as the SDK's client sends it; get_input() "
        "fails on it, as on Azure",
        target,
    )


def first_page(route: str, page: int) -> None:
    """A reader asked for a list, and got its beginning."""
    log.warning(
        "first-page: a reader of %s got the first %d entries, as on Azure, and there are more; the SDK's client never "
        "asks for them. Send 'top' and follow x-ms-continuation-token",
        route,
        page,
    )


def unpolled(instance_id: str) -> None:
    """A call_http was answered with a 202 that says where to ask again."""
    log.warning(
        "http-202: instance %s got a 202 as the answer of call_http; SDK 1.x goes on with it and nobody asks for the "
        "end (azure-functions-durable-python#380)",
        instance_id,
    )
