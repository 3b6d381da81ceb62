"""Instances, histories and entities as the management API shows them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from host.entities import entity_id
from host.model import EntityStatus, EventKind, InstanceStatus, Status

_NAMES = {
    EventKind.EXECUTION_STARTED: "ExecutionStarted",
    EventKind.EXECUTION_COMPLETED: "ExecutionCompleted",
    EventKind.EXECUTION_FAILED: "ExecutionFailed",
    EventKind.EXECUTION_TERMINATED: "ExecutionTerminated",
    EventKind.TASK_SCHEDULED: "TaskScheduled",
    EventKind.TASK_COMPLETED: "TaskCompleted",
    EventKind.TASK_FAILED: "TaskFailed",
    EventKind.CHILD_CREATED: "SubOrchestrationInstanceCreated",
    EventKind.CHILD_COMPLETED: "SubOrchestrationInstanceCompleted",
    EventKind.CHILD_FAILED: "SubOrchestrationInstanceFailed",
    EventKind.TIMER_CREATED: "TimerCreated",
    EventKind.TIMER_FIRED: "TimerFired",
    EventKind.TURN_STARTED: "OrchestratorStarted",
    EventKind.TURN_COMPLETED: "OrchestratorCompleted",
    EventKind.EVENT_SENT: "EventSent",
    EventKind.EVENT_RAISED: "EventRaised",
    EventKind.CONTINUED_AS_NEW: "ContinueAsNew",
    EventKind.SUSPENDED: "ExecutionSuspended",
    EventKind.RESUMED: "ExecutionResumed",
    EventKind.REWOUND: "ExecutionRewound",
}
_CALLS = frozenset({EventKind.TASK_SCHEDULED, EventKind.CHILD_CREATED})
_TURNS = frozenset({EventKind.TURN_STARTED, EventKind.TURN_COMPLETED})
_NAMED = _CALLS | {EventKind.EVENT_RAISED, EventKind.EVENT_SENT}
_STRIPPED = frozenset(
    {"EventId", "IsPlayed", "TimerId", "TaskScheduledId", "Input", "Result", "Name", "Version", "Tags"}
)
_STARTED = frozenset({"OrchestrationInstance", "ParentInstance"})
_STATUSES = ("Running", "Completed", "ContinuedAsNew", "Failed", "Canceled", "Terminated", "Pending", "Suspended")


def instance_view(status: InstanceStatus, show_input: bool) -> dict[str, Any]:
    """Status payload of one instance."""
    return {
        "name": status.name,
        "instanceId": status.instance_id,
        "runtimeStatus": str(status.status),
        # Out-of-process languages send JSON text within a JSON string, and Azure shows that string.
        "input": status.input if show_input else None,
        "customStatus": parsed(status.custom_status),
        "output": parsed(status.output),
        "createdTime": instant(status.created),
        "lastUpdatedTime": instant(status.updated),
    }


def scheduler_view(entity: EntityStatus, show_input: bool) -> dict[str, Any]:
    """Status payload of the orchestration that keeps an entity on Azure, created anew by each batch of operations.

    Its input is the ``SchedulerState`` of DurableTask.Core, its custom status the ``EntityStatus``.
    """
    own, batch = entity_id(entity.name, entity.key), instant(entity.updated)
    state = {"state": entity.state} if entity.state is not None else {}
    return {
        "name": own,
        "instanceId": own,
        "runtimeStatus": str(Status.RUNNING),
        "input": {"exists": True} | state | {"sorter": {}} if show_input else None,
        "customStatus": {"entityExists": True},
        "output": None,
        "createdTime": batch,
        "lastUpdatedTime": batch,
    }


def entity_view(entity: EntityStatus, fetch_state: bool) -> dict[str, Any]:
    """One entry of the list of entities."""
    view: dict[str, Any] = {
        "entityId": {"name": entity.name, "key": entity.key},
        "lastOperationTime": instant(entity.updated),
    }
    if fetch_state:
        view["state"] = parsed(entity.state)
    return view


def history_view(events: Sequence[dict[str, Any]], with_output: bool, with_input: bool) -> list[dict[str, Any]]:
    """``historyEvents`` as ``DurableClient.GetDurableOrchestrationStatusAsync`` of the extension makes them: calls are
    joined with their ends, and stay while they have none; a timer stands beside its end. An input is shown as the text
    that it is, a result as its value."""
    calls = {event["EventId"]: event for event in events if event["EventType"] in _CALLS}
    ended = {event["TaskScheduledId"] for event in events if "TaskScheduledId" in event}
    shown = (event for event in events if event["EventType"] not in _TURNS)
    return [
        _event_view(event, calls.get(event.get("TaskScheduledId", -1)), with_output, with_input)
        for event in shown
        if event["EventType"] not in _CALLS or event["EventId"] not in ended
    ]


def _event_view(
    event: dict[str, Any], call: dict[str, Any] | None, with_output: bool, with_input: bool
) -> dict[str, Any]:
    kind = EventKind(event["EventType"])
    stripped = _STRIPPED | _STARTED if kind is EventKind.EXECUTION_STARTED else _STRIPPED
    view = {key: value for key, value in event.items() if key not in stripped} | {"EventType": _NAMES[kind]}
    if kind is EventKind.EXECUTION_STARTED:
        view["FunctionName"] = event.get("Name")
    elif kind in _NAMED:
        view["Name"] = event.get("Name")
    if call is not None:
        view |= {"ScheduledTime": call["Timestamp"], "FunctionName": call["Name"]}
    if isinstance(event.get("OrchestrationStatus"), int):
        view["OrchestrationStatus"] = _STATUSES[event["OrchestrationStatus"]]
    text = (call or event).get("Input")
    if with_input and text is not None:
        view["Input"] = text
    if with_output and event.get("Result") is not None:
        view["Result"] = parsed(event["Result"])
    return view


def parsed(text: str | None) -> Any:
    """The value of a JSON text; a text that is not JSON is shown as a string, as are Python's NaN and Infinity.

    So does Newtonsoft.Json: https://www.newtonsoft.com/json/help/html/P_Newtonsoft_Json_JsonWriter_FloatFormatHandling.htm
    """
    if text is None:
        return None
    try:
        return json.loads(text, parse_constant=str)
    except ValueError:
        return text


def instant(when: datetime) -> str:
    """``yyyy-MM-ddTHH:mm:ssZ``."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
