"""History events in the JSON of the 1.x protocol: ``DurableTask.Core.History`` as Newtonsoft serializes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from host.model import Event, EventKind, Failure, Parent, Status

Wire = dict[str, Any]


def instant(when: datetime) -> str:
    """ISO 8601, UTC, ending in Z: the SDK needs aware times."""
    return when.astimezone(UTC).isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


def moment(text: str) -> datetime:
    """Inverse of ``instant``; without an offset, UTC is meant."""
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def basic(when: datetime) -> str:
    """ISO 8601 basic format: the SDK's parser, where most of a replay's time goes, is twice as fast on it."""
    return instant(when).replace("-", "").replace(":", "")


def wire(event: Event, stamp: Callable[[datetime], str] = instant) -> Wire:
    """One event as ``DurableTask.Core.History`` serializes it."""
    head: Wire = {
        "EventType": int(event.kind),
        "EventId": event.id,
        "IsPlayed": False,
        "Timestamp": stamp(event.at),
    }
    fields = _WIRE.get(event.kind)
    return head | fields(event) if fields else head


def _started(event: Event) -> Wire:
    parent = event.parent and {
        "OrchestrationInstance": {"InstanceId": event.parent.instance, "ExecutionId": event.parent.execution},
        "Name": event.parent.name,
        "Version": "",
        "TaskScheduleId": event.parent.task,
    }
    return {
        "OrchestrationInstance": {"InstanceId": event.instance, "ExecutionId": event.execution},
        "ParentInstance": parent,
        "Name": event.name,
        "Version": event.version or "",
        "Input": event.text if event.text is None or event.raw else json.dumps(event.text),
        "Tags": None,
    }


def _completed(event: Event) -> Wire:
    return {"OrchestrationStatus": event.status, "Result": event.text, "FailureDetails": _failure(event.failure)}


def _failed(event: Event) -> Wire:
    return {
        "TaskScheduledId": event.task,
        "Reason": event.text,
        "Details": event.details or "",
        "FailureDetails": _failure(event.failure),
    }


def _failure(failure: Failure | None) -> Wire | None:
    if failure is None:
        return None
    return {
        "ErrorType": failure.type,
        "ErrorMessage": failure.text,
        "StackTrace": "\n".join(failure.frames),
        "InnerFailure": None,
        "IsNonRetriable": False,
    }


def _child(event: Event) -> Wire:
    return {"Name": event.name, "Version": event.version or "", "InstanceId": event.instance, "Input": event.text}


def _request(event: Event) -> Wire:
    request = {"op": event.name, "signal": event.signal, "input": event.text, "id": event.request}
    return {"InstanceId": event.instance, "Name": "op", "Input": json.dumps(request)}


def _due(event: Event) -> Wire:
    return {"FireAt": instant(event.due or event.at)}


_WIRE: dict[EventKind, Callable[[Event], Wire]] = {
    EventKind.EXECUTION_STARTED: _started,
    EventKind.EXECUTION_COMPLETED: _completed,
    EventKind.CONTINUED_AS_NEW: _completed,
    EventKind.EXECUTION_TERMINATED: lambda event: {"Input": event.text},
    EventKind.TASK_SCHEDULED: lambda event: {"Name": event.name, "Version": "", "Input": json.dumps([event.text])},
    EventKind.TASK_COMPLETED: lambda event: {"TaskScheduledId": event.task, "Result": event.text},
    EventKind.TASK_FAILED: _failed,
    EventKind.CHILD_CREATED: _child,
    EventKind.CHILD_COMPLETED: lambda event: {"TaskScheduledId": event.task, "Result": event.text},
    EventKind.CHILD_FAILED: _failed,
    EventKind.TIMER_CREATED: _due,
    EventKind.TIMER_FIRED: lambda event: {"TimerId": event.task} | _due(event),
    EventKind.EVENT_SENT: _request,
    EventKind.EVENT_RAISED: lambda event: {"Name": event.name, "Input": event.text},
    EventKind.SUSPENDED: lambda event: {"Reason": event.text},
    EventKind.RESUMED: lambda event: {"Reason": event.text},
    EventKind.REWOUND: lambda event: {"Reason": event.text},
}


def unwire(event: Wire) -> Event:
    """Inverse of ``wire``, as far as a replay needs it; events of Azure are read too."""
    kind = EventKind(event["EventType"])
    number = event.get("TaskScheduledId", event.get("TimerId", -1))
    head: Wire = {"kind": kind, "at": moment(event["Timestamp"]), "id": event["EventId"], "task": number}
    head |= {"name": event.get("Name"), "instance": event.get("InstanceId")}
    if due := event.get("FireAt"):
        head["due"] = moment(due)
    fields = _UNWIRE.get(kind)
    return Event(**head | (fields(event) if fields else {}))


def _unstarted(event: Wire) -> Wire:
    own = event.get("OrchestrationInstance") or {}
    value = json.loads(event.get("Input") or "null")
    raw = value is not None and not isinstance(value, str)
    parent = event.get("ParentInstance")
    return {
        "instance": own.get("InstanceId"),
        "execution": own.get("ExecutionId"),
        "version": event.get("Version"),
        "text": event["Input"] if raw else value,
        "raw": raw,
        "parent": parent
        and Parent(
            parent["OrchestrationInstance"]["InstanceId"],
            parent["OrchestrationInstance"]["ExecutionId"],
            parent.get("Name") or "",
            parent.get("TaskScheduleId", -1),
        ),
    }


def _unrequest(event: Wire) -> Wire:
    request = json.loads(event["Input"])
    return {
        "name": request.get("op"),
        "signal": request.get("signal", False),
        "request": request.get("id"),
        "text": request.get("input"),
    }


_UNWIRE: dict[EventKind, Callable[[Wire], Wire]] = {
    EventKind.EXECUTION_STARTED: _unstarted,
    EventKind.EXECUTION_COMPLETED: lambda event: {
        "status": _status(event),
        "text": event.get("Result"),
        "failure": _unfailure(event.get("FailureDetails")),
    },
    EventKind.EXECUTION_TERMINATED: lambda event: {"text": event.get("Input")},
    EventKind.TASK_SCHEDULED: lambda event: {"text": json.loads(event["Input"])[0]},
    EventKind.TASK_COMPLETED: lambda event: {"text": event.get("Result")},
    EventKind.TASK_FAILED: lambda event: {"text": event.get("Reason"), "details": event.get("Details")},
    EventKind.CHILD_CREATED: lambda event: {"version": event.get("Version"), "text": event.get("Input")},
    EventKind.CHILD_COMPLETED: lambda event: {"text": event.get("Result")},
    EventKind.CHILD_FAILED: lambda event: {"text": event.get("Reason"), "details": event.get("Details")},
    EventKind.EVENT_SENT: _unrequest,
    EventKind.EVENT_RAISED: lambda event: {"text": event.get("Input")},
}


def _unfailure(details: Wire | None) -> Failure | None:
    return Failure(details["ErrorType"], details.get("ErrorMessage") or "") if details else None


def _status(event: Wire) -> Status | None:
    found = event.get("OrchestrationStatus")
    return Status(found) if isinstance(found, str) else None
