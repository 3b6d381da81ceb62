"""Why an instance waits or failed, in words: an addition of this host, under ``/admin``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from host.engine import Retry
from host.explain import Cause, Explanation, OpenKind, OpenTask
from host.http.views import instant
from host.model import Failure, InstanceStatus

HOST_ERROR = "HostError"
"""Type of a failure that the host itself found: its words quote no values. What an app raises has frames."""
SHOWN_TIMERS = 3
"""Of those that are open, the first to fall due; the others are counted."""


def waiting_view(status: InstanceStatus, explanation: Explanation) -> dict[str, Any]:
    """What is known of an instance, without values."""
    return {
        "name": status.name,
        "instanceId": status.instance_id,
        "version": status.version,
        "runtimeStatus": str(status.status),
        "createdTime": instant(status.created),
        "lastUpdatedTime": instant(status.updated),
        "waitsForEvents": dict(status.waits),
        "waitsForTasks": list(task_words(explanation.tasks)),
        "heldEvents": dict(explanation.held),
        "code": explanation.code and str(explanation.code),
        "turn": _turn_words(explanation),
        "blocked": status.blocked,
        "failure": status.failure and _failure_view(status.failure, explanation.cause),
    }


def _failure_view(failure: Failure, cause: Cause | None) -> dict[str, Any]:
    """The failed task's own type and frames: those of the instance are the SDK's, which raised on its behalf."""
    shown = failure if cause is None else cause.failure
    return {
        "type": shown.type,
        "frames": list(shown.frames),
        "of": cause and f"{cause.kind} {cause.name}",
        "instanceId": cause and cause.instance,
        "reason": shown.text if shown.type == HOST_ERROR and not shown.frames else None,
    }


def _turn_words(explanation: Explanation) -> str | None:
    if explanation.retry is not None:
        return f"its turn is {_retry_words(explanation.retry)}"
    return "its turn is under way" if explanation.busy else None


def task_words(tasks: Iterable[OpenTask]) -> Iterator[str]:
    """Timers by time; other tasks of one name together, those that are tried again each by itself."""
    timers = list[OpenTask]()
    alike: defaultdict[str, list[OpenTask]] = defaultdict(list)
    for task in tasks:
        if task.kind is OpenKind.TIMER:
            timers.append(task)
        else:
            alike[_named(task)].append(task)
    for words, group in alike.items():
        yield from _group_words(words, group)
    yield from _timer_words(timers)


def _named(task: OpenTask) -> str:
    if task.kind is OpenKind.ENTITY:
        return f"entity {task.target} ({task.name})"
    return f"{task.kind} {task.name}"


def _group_words(words: str, group: list[OpenTask]) -> Iterator[str]:
    plain = [task for task in group if task.retry is None]
    if len(plain) == 1 and plain[0].kind is OpenKind.CHILD:
        yield f"{words} {plain[0].target}"
    elif plain:
        yield words if len(plain) == 1 else f"{len(plain):,} × {words}"
    for task in group:
        if task.retry is not None:
            yield f"{words}, {_retry_words(task.retry)}"


def _retry_words(retry: Retry) -> str:
    times = "once" if retry.tries == 1 else f"{retry.tries} times"
    return f"tried again at {instant(retry.at)} (failed {times}: {retry.error.rstrip('.')})"


def _timer_words(timers: list[OpenTask]) -> Iterator[str]:
    due = sorted(task.due for task in timers if task.due is not None)
    for when in due[:SHOWN_TIMERS]:
        yield f"timer until {instant(when)}"
    if later := len(due[SHOWN_TIMERS:]):
        yield f"{later:,} later timer{'s' * (later > 1)}"
