"""The JSON protocol between the Durable extension and azure-functions-durable 1.x.

History goes in, the list of all actions since the start comes out. Schema version 2 ("V3") only.
Sources: ``DurableOrchestrationContext`` and ``OrchestratorState`` of the SDK;
``OrchestrationTriggerAttributeBindingProvider`` and ``EntityContextToString`` of the extension.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from host.actions import (
    HTTP_ACTIVITY,
    Action,
    AllOf,
    AnyOf,
    AskEntity,
    CallActivity,
    CallChild,
    ContinueAsNew,
    CreateTimer,
    Decision,
    Retry,
    WaitEvent,
)
from host.invocation import FunctionFailed
from host.model import EntityStatus, Event, EventKind, Failure, InstanceStatus, Parent, Status

STATE_LABEL = "\n\n$OutOfProcData$:"
TIMER_SPANS = {"longRunningTimerIntervalDuration": "3.00:00:00", "maximumShortTimerDuration": "6.00:00:00"}
Wire = dict[str, Any]


def instant(when: datetime) -> str:
    """ISO 8601, UTC, ending in Z: the SDK needs aware times."""
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def moment(text: str) -> datetime:
    """Inverse of ``instant``; without an offset, UTC is meant."""
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


# --- in: the orchestration context ------------------------------------------------------------------------------------


def context(instance: InstanceStatus, events: Sequence[Event], *, replaying: bool, timer_spans: bool) -> str:
    """Body of an orchestrator invocation."""
    body: Wire = {
        "history": [wire(event, _basic) for event in events],
        "input": instance.input,
        "instanceId": instance.instance_id,
        "isReplaying": replaying,
        "parentInstanceId": instance.parent.instance if instance.parent else None,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
        "defaultHttpAsyncRequestSleepTimeMillseconds": 30000,
    }
    if timer_spans:
        body |= TIMER_SPANS
    return json.dumps(body)


def _basic(when: datetime) -> str:
    """ISO 8601 basic format: the SDK's parser, where most of a replay's time goes, is twice as fast on it."""
    return f"{when.astimezone(UTC):%Y%m%dT%H%M%S.%f}Z"


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
        "Input": None if event.text is None else json.dumps(event.text),
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
    text = event.get("Input")
    parent = event.get("ParentInstance")
    return {
        "instance": own.get("InstanceId"),
        "execution": own.get("ExecutionId"),
        "version": event.get("Version"),
        "text": json.loads(text) if text else None,
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
    EventKind.EXECUTION_COMPLETED: lambda event: {"status": _status(event), "text": event.get("Result")},
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


def _status(event: Wire) -> Status | None:
    found = event.get("OrchestrationStatus")
    return Status(found) if isinstance(found, str) else None


# --- out: the orchestrator's state ------------------------------------------------------------------------------------


def decision(output: str) -> Decision:
    """Answer of an orchestrator that did not raise."""
    try:
        return _decision(json.loads(output))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return Decision((), error="The orchestrator did not return an orchestration state.")


def decision_of_failure(failed: FunctionFailed) -> Decision:
    """Answer of an orchestrator that raised: its state rides behind a label in the message."""
    text, label, state = failed.text.partition(STATE_LABEL)
    error = (json.loads(state) if label else {}).get("error") or text or failed.type
    shown = Failure(failed.type, error, failed.frames)
    if not label:
        return Decision((), error=error, failure=shown)
    known = _decision(json.loads(state))
    return Decision(known.actions, error=error, failure=shown, custom_status=known.custom_status)


def _decision(state: Wire) -> Decision:
    return Decision(
        actions=tuple(_action(action) for action in state["actions"][0]),
        done=state["isDone"],
        output=json.dumps(state["output"]) if "output" in state else None,
        error=state.get("error"),
        custom_status=json.dumps(state["customStatus"]) if "customStatus" in state else None,
    )


def _action(action: Wire) -> Action:
    return _ACTIONS[action["actionType"]](action)


def _activity(action: Wire) -> Action:
    return CallActivity(action["functionName"], action.get("input"), _retry(action.get("retryOptions")))


def _call_child(action: Wire) -> Action:
    return CallChild(
        action["functionName"],
        action.get("input"),
        action.get("instanceId"),
        action.get("version"),
        _retry(action.get("retryOptions")),
    )


def _retry(options: Wire | None) -> Retry | None:
    if options is None:
        return None
    longest = options.get("maxRetryIntervalInMilliseconds")
    return Retry(
        timedelta(milliseconds=options["firstRetryIntervalInMilliseconds"]),
        options["maxNumberOfAttempts"],
        options.get("backoffCoefficient") or 1.0,
        timedelta(milliseconds=longest) if longest else None,
    )


def _entity_action(signal: bool) -> Callable[[Wire], Action]:
    return lambda action: AskEntity(action["instanceId"], action["operation"], action.get("input"), signal)


_ACTIONS: dict[int, Callable[[Wire], Action]] = {
    0: _activity,
    1: _activity,
    2: _call_child,
    3: _call_child,
    4: lambda action: ContinueAsNew(action.get("input")),
    5: lambda action: CreateTimer(moment(action["fireAt"]), action.get("isCanceled", False)),
    6: lambda action: WaitEvent(action["externalEventName"]),
    7: _entity_action(signal=False),
    8: lambda action: CallActivity(HTTP_ACTIVITY, json.dumps(action["httpRequest"])),
    9: _entity_action(signal=True),
    11: lambda action: AnyOf(tuple(_action(child) for child in action["compoundActions"])),
    12: lambda action: AllOf(tuple(_action(child) for child in action["compoundActions"])),
}


# --- entities ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """Result of one entity operation."""

    text: str | None
    failed: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """What an entity function made of a batch. ``state`` None: the entity does not exist (any more)."""

    state: str | None
    exists: bool
    answers: tuple[Answer, ...]


def entity_batch(name: str, key: str, state: EntityStatus | None, requests: Sequence[Event]) -> str:
    """Body of an entity invocation. The input of an operation is JSON text in a JSON string."""
    return json.dumps(
        {
            "self": {"name": name, "key": key},
            "exists": state is not None,
            "state": state.state if state else None,
            "batch": [
                {
                    "name": request.name,
                    "input": None if request.text is None else json.dumps(request.text),
                    "isSignal": request.signal,
                }
                for request in requests
            ],
        }
    )


def entity_answer(output: str) -> Batch:
    """Answer of an entity function."""
    answer = json.loads(output)
    return Batch(
        answer["entityState"] if answer["entityExists"] else None,
        answer["entityExists"],
        tuple(Answer(result.get("result"), result["isError"]) for result in answer["results"]),
    )


def entity_reply(answer: Answer) -> str:
    """Text of the EVENT_RAISED that brings an answer to its caller."""
    return json.dumps({"result": answer.text} | ({"exceptionType": "Error"} if answer.failed else {}))
