"""How every orchestrator calls and waits.

* ``call`` runs an activity; an unavailable dependency backs off in durable timers, then parks the case for an operator.
* ``wait`` waits for events until an instant, in hops of at most five days, with new tasks each round: no task that was
  already yielded ever enters a later ``task_any`` (on Azure what follows it would never be scheduled).
* ``watch`` is ``wait`` that keeps the agenda: escalations and the expiry happen while the case waits or is parked.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from domain.envelope import Answer, Message, parse_failure
from domain.errors import Unavailable
from orchestrators.case import Case, Due

BACKOFF: Final = tuple(timedelta(seconds=s) for s in (1, 2, 4, 8, 15, 30, 60, 120, 300))
"""Pauses after each failed try while a dependency is unavailable; then the case is parked."""
LATER: Final = timedelta(minutes=15)
"""When an agenda item is tried again whose dependency was unavailable."""
LONGEST_HOP: Final = timedelta(days=5)
"""Azure Storage splits timers of over six days in a way that a cancelled one keeps the instance running."""

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Received:
    """An external event."""

    name: str
    data: Any


def call(case: Case, step: str, answer: type[M], data: Message | None = None) -> Generator[Any, Any, M]:
    """Run the activity of ``step`` until it answers. A defect is raised and fails the instance."""
    failures, number = 0, case.calls + 1
    while True:
        case.show(step)
        try:
            return (yield from attempt(case, step, answer, data, number))
        except Unavailable as error:
            if failures == len(BACKOFF):
                yield from park(case, step, error.code)
                failures = 0
            else:
                yield case.context.create_timer(case.now + BACKOFF[failures])
                failures += 1


def attempt(
    case: Case, step: str, answer: type[M], data: Message | None = None, number: int | None = None
) -> Generator[Any, Any, M]:
    """One try. Raises ``Unavailable`` or ``Defect``, as the activity named it. ``number``: that of the first try."""
    try:
        raw = yield case.context.call_activity(step.replace("-", "_"), case.envelope(step, data, number))
    except Exception as error:  # the SDK raises a bare Exception whose text is the activity's message
        raise parse_failure(str(error)) from None
    result = Answer.model_validate(raw)
    case.accessed = result.accessed
    return answer.model_validate(result.data)


def park(case: Case, step: str, code: str) -> Generator[Any, Any, None]:
    """Hold the case until an operator resumes it. The event's name counts the tries: no resume is taken twice."""
    event = f"resumed:{step}:{case.calls}"
    yield from watch(case, step, [event], waiting_for="operator", detail=f"{code} {event}")


def watch(
    case: Case,
    step: str,
    events: Sequence[str],
    *,
    waiting_for: str,
    until: datetime | None = None,
    detail: str | None = None,
) -> Generator[Any, Any, Received | None]:
    """The first of ``events``, or ``None`` at ``until``. What falls due meanwhile is done."""
    earlier: list[tuple[str, Any]] = []
    while True:
        next_due = case.agenda[0].at if case.agenda else None
        end = min((at for at in (until, next_due) if at), default=None)
        received = yield from wait(case, step, events, end, waiting_for=waiting_for, detail=detail, earlier=earlier)
        if received is not None or (until is not None and case.now >= until):
            return received
        yield from _attend(case)


def _attend(case: Case) -> Generator[Any, Any, None]:
    """Do what is due. Never parks (the case may be parked already): what is unavailable is tried again later."""
    due = case.agenda.pop(0)
    case.show(due.step)
    try:
        yield from attempt(case, due.step, Message, due.data)
    except Unavailable:
        case.plan(replace(due, at=case.now + LATER))


def settle(case: Case) -> Generator[Any, Any, None]:
    """Do what fell due and is still owed; drop what lies ahead. For the end of a case."""
    owed: list[Due] = [due for due in case.agenda if due.at <= case.now]
    case.agenda = []
    for due in owed:
        yield from call(case, due.step, Message, due.data)


def wait(
    case: Case,
    step: str,
    events: Sequence[str],
    due: datetime | None,
    *,
    waiting_for: str,
    detail: str | None = None,
    earlier: list[tuple[str, Any]] | None = None,
) -> Generator[Any, Any, Received | None]:
    """The first of ``events``, or ``None`` when ``due`` has come.

    ``earlier`` holds the waits of rounds that are over, and gets those of this one. An event that comes between two
    rounds, while something due is done, goes to one of them: it is taken from there and never yielded again.
    """
    earlier = [] if earlier is None else earlier
    for name, task in earlier:
        if task.is_completed:
            return Received(name, decode(task.result))
    while due is None or case.now < due:
        case.show(step, waiting_for, detail)
        longest = case.now + LONGEST_HOP
        timer = case.context.create_timer(longest if due is None else min(due, longest))
        waits = [case.context.wait_for_external_event(name) for name in events]
        earlier += zip(events, waits, strict=True)
        winner = yield case.context.task_any([*waits, timer])
        if winner is not timer:
            timer.cancel()
            return Received(events[waits.index(winner)], decode(winner.result))
    return None


def decode(payload: Any) -> Any:
    """An event's payload: the client sends JSON text inside a JSON string, as on Azure."""
    if isinstance(payload, str):
        try:
            return json.loads(payload)
        except ValueError:
            return payload
    return payload
