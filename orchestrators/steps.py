"""How every orchestrator calls and waits.

* ``call`` runs an activity; an unavailable dependency backs off in durable timers, then parks the case for an operator.
* ``wait`` waits for events until an instant, in hops of at most five days, with new tasks each round: no task that was
  already yielded ever enters a later ``task_any`` (on Azure what follows it would never be scheduled).
* ``watch`` is ``wait`` that keeps the agenda: escalations and the expiry happen while the case waits or is parked, and
  others are told what happened.
* ``publish`` tells what is still to be told; at the end of a case.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from domain.envelope import Answer, Message, parse_failure
from domain.errors import Defect, Unavailable
from domain.messages import PUBLISH, NotifyInput, PublishInput
from orchestrators.case import Case, Due

BACKOFF: Final = tuple(timedelta(seconds=s) for s in (1, 2, 4, 8, 15, 30, 60, 120, 300))
"""Pauses after each failed try while a dependency is unavailable; then the case is parked."""
LATER: Final = tuple(timedelta(minutes=m) for m in (15, 30, 60, 120, 240, 360))
"""Pauses after each failed try of an agenda item whose dependency was unavailable; the last one repeats."""
QUIET: Final = tuple(timedelta(seconds=s) for s in (30, 60, 120, 300)) + LATER
"""Pauses after each failed try to publish an event while the case waits; the last one repeats."""
NOTICE_TRIES: Final = 8
"""Tries of a notice on the agenda, over some twenty hours. The last one gives up where nobody can be told."""
LONGEST_HOP: Final = timedelta(days=5)
"""Azure Storage splits timers of over six days in a way that a cancelled one keeps the instance running."""

M = TypeVar("M", bound=Message)


def call(case: Case, step: str, answer: type[M], data: Message | None = None) -> Generator[Any, Any, M]:
    """Run the activity of ``step`` until it answers. A defect is raised and fails the instance.

    A notice parks its case once: when nobody can be told after the resume either, its last try gives up.
    """
    failures, number, parked = 0, case.calls + 1, False
    while True:
        case.show(step)
        given = _last(data) if parked and failures == len(BACKOFF) else data
        try:
            return (yield from attempt(case, step, answer, given, number))
        except Unavailable as error:
            if failures == len(BACKOFF):
                yield from park(case, step, error.code)
                failures, parked = 0, True
            else:
                yield case.context.create_timer(case.now + BACKOFF[failures])
                failures += 1


def attempt(
    case: Case, step: str, answer: type[M], data: Message | None = None, number: int | None = None
) -> Generator[Any, Any, M]:
    """One try. Raises ``Unavailable`` or ``Defect``, as the activity named it, and ``Defect('invalid-answer')`` for an
    answer that is not of this form (pydantic's own error quotes it). ``number``: that of the first try."""
    try:
        raw = yield case.context.call_activity(_verb(step), case.envelope(step, data, number))
    except Exception as error:  # the SDK raises a bare Exception whose text is the activity's message
        raise parse_failure(str(error)) from None
    try:
        result = Answer.model_validate(raw)
        typed = answer.model_validate(result.data)
    except ValidationError:
        raise Defect("invalid-answer") from None
    case.accessed = result.accessed
    return typed


def _verb(step: str) -> str:
    """The activity that serves the element ``step``."""
    return "publish_event" if step.startswith(PUBLISH) else step.replace("-", "_")


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
    earlier: list[tuple[str, Any]] | None = None,
) -> Generator[Any, Any, str | None]:
    """The first of ``events``, or ``None`` at ``until``. What falls due meanwhile is done; events go out when nothing
    else is due, and whoever looks sees that the case waits. ``earlier``: see ``wait``."""
    earlier = [] if earlier is None else earlier
    while True:
        end = min((at for at in (until, _first(case.agenda), _first(case.outbox)) if at), default=None)
        received = yield from wait(case, step, events, end, waiting_for=waiting_for, detail=detail, earlier=earlier)
        if received is not None or (until is not None and case.now >= until):
            return received
        if case.agenda and case.agenda[0].at <= case.now:
            yield from _attend(case)
        else:
            case.show(step, waiting_for, detail)
            yield from _tell(case)


def _first(those: Sequence[Due]) -> datetime | None:
    return those[0].at if those else None


def _attend(case: Case) -> Generator[Any, Any, None]:
    """Do what is due. Never parks (the case may be parked already): what is unavailable is tried again later, and only
    the first try stands in the timeline."""
    due = case.agenda.pop(0)
    if isinstance(due.data, PublishInput):
        case.tell(due)
        return
    if not due.tries:
        case.show(due.step)
    data = _last(due.data) if due.tries >= NOTICE_TRIES - 1 else due.data
    try:
        yield from attempt(case, due.step, Message, data)
    except Unavailable:
        pause = LATER[min(due.tries, len(LATER) - 1)]
        case.plan(replace(due, at=case.now + pause, tries=due.tries + 1))


def _tell(case: Case) -> Generator[Any, Any, None]:
    """One try of the first event in the outbox. Those behind it wait with it, so that all go out in order. The status
    goes on to say that the case waits; the first try stands in the timeline."""
    event = case.outbox[0]
    if not event.tries:
        case.passed(event.step)
    try:
        yield from attempt(case, event.step, Message, event.data)
    except Unavailable:
        pause = QUIET[min(event.tries, len(QUIET) - 1)]
        case.outbox[0] = replace(event, at=case.now + pause, tries=event.tries + 1)
    else:
        case.outbox.pop(0)


def publish(case: Case) -> Generator[Any, Any, None]:
    """Tell all that is in the outbox, in order. For the end of a case, when everybody else was told."""
    events, case.outbox = case.outbox, []
    for event in events:
        yield from call(case, event.step, Message, event.data)


def _last(data: Message | None) -> Message | None:
    """``data`` of the try that no other follows: a notice that cannot be delivered is recorded as such."""
    return data.model_copy(update={"last": True}) if isinstance(data, NotifyInput) else data


def settle(case: Case) -> Generator[Any, Any, None]:
    """Do what fell due and is still owed; drop what lies ahead. For the end of a case: a notice that was tried in vain
    gets its last try."""
    owed: list[Due] = [due for due in case.agenda if due.tries or due.at <= case.now]
    case.agenda = []
    for due in owed:
        if isinstance(due.data, PublishInput):
            case.tell(due)
            continue
        yield from call(case, due.step, Message, _last(due.data) if due.tries else due.data)


def wait(
    case: Case,
    step: str,
    events: Sequence[str],
    due: datetime | None,
    *,
    waiting_for: str,
    detail: str | None = None,
    earlier: list[tuple[str, Any]] | None = None,
) -> Generator[Any, Any, str | None]:
    """The name of the first of ``events``, or ``None`` when ``due`` has come. What an event carries is not used: the
    records hold it.

    ``earlier`` holds the waits of rounds that are over, and gets those of this one. An event that comes between two
    rounds, while something due is done, goes to one of them: it is taken from there, once, and never yielded again.
    """
    earlier = [] if earlier is None else earlier
    for each in earlier:
        if each[1].is_completed:
            earlier.remove(each)
            return each[0]
    while due is None or case.now < due:
        case.show(step, waiting_for, detail)
        longest = case.now + LONGEST_HOP
        timer = case.context.create_timer(longest if due is None else min(due, longest))
        waits = [case.context.wait_for_external_event(name) for name in events]
        earlier += zip(events, waits, strict=True)
        winner = yield case.context.task_any([*waits, timer])
        if winner is not timer:
            timer.cancel()
            name = events[waits.index(winner)]
            earlier.remove((name, winner))
            return name
    return None
