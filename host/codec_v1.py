"""The JSON protocol between the Durable extension and azure-functions-durable 1.x.

History goes in, the list of all actions since the start comes out. Schema version 2 ("V3") only.
Sources: ``DurableOrchestrationContext`` and ``OrchestratorState`` of the SDK;
``OrchestrationTriggerAttributeBindingProvider`` and ``EntityContextToString`` of the extension.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
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
from host.model import EntityStatus, Event, EventKind, Failure, InstanceStatus
from host.wire_v1 import Wire, basic, moment, wire

SCHEMA = 2
"""``ReplaySchema.V3`` of the SDK: what it answers since 1.1."""
STATE_LABEL = "\n\n$OutOfProcData$:"
TIMER_SPANS = {"longRunningTimerIntervalDuration": "3.00:00:00", "maximumShortTimerDuration": "6.00:00:00"}


class _NotRead(Exception):
    """An orchestration state that this host cannot run, in one sentence."""


_MALFORMED = (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError)
"""What reading a text that is no orchestration state raises."""


# --- in: the orchestration context ------------------------------------------------------------------------------------


def context(instance: InstanceStatus, events: Sequence[Event], *, replaying: bool, timer_spans: bool) -> str:
    """Body of an orchestrator invocation."""
    body: Wire = {
        "history": [wire(event, basic) for event in events],
        "input": input_of(instance, events),
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


def input_of(instance: InstanceStatus, events: Sequence[Event]) -> Any:
    """What ``context.get_input()`` parses: a text, or the value itself where it came as such."""
    start = next((event for event in events if event.kind is EventKind.EXECUTION_STARTED), None)
    return json.loads(instance.input or "null") if start is not None and start.raw else instance.input


# --- out: the orchestrator's state ------------------------------------------------------------------------------------


def decision(output: str) -> Decision:
    """Answer of an orchestrator that did not raise."""
    try:
        return _decision(json.loads(output))
    except _NotRead as refusal:
        return Decision((), error=str(refusal), stateless=True)
    except _MALFORMED:
        return Decision((), error="The orchestrator did not return an orchestration state.", stateless=True)


def decision_of_failure(failed: FunctionFailed) -> Decision:
    """Answer of an orchestrator that raised: its state rides behind a label in the message.

    The last label counts: an exception may quote one. Of a state that cannot be read only the exception is kept.
    """
    text, label, state = failed.text.rpartition(STATE_LABEL)
    try:
        known = _decision(json.loads(state)) if label else Decision((), stateless=True)
    except (_NotRead, *_MALFORMED):
        known = Decision((), stateless=True)
    error = known.error or (text if label else failed.text) or failed.type
    shown = Failure(failed.type, error, failed.frames)
    return Decision(
        known.actions, error=error, failure=shown, custom_status=known.custom_status, stateless=known.stateless
    )


def _decision(state: Wire) -> Decision:
    if (version := state.get("schemaVersion", 0)) != SCHEMA:
        raise _NotRead(f"The orchestrator answered in schema version {version:d}; this host reads {SCHEMA}.")
    return Decision(
        actions=tuple(_action(action) for action in state["actions"][0]),
        done=state["isDone"],
        output=json.dumps(state["output"]) if "output" in state else None,
        error=state.get("error"),
        custom_status=json.dumps(state["customStatus"]) if "customStatus" in state else None,
    )


def _action(action: Wire) -> Action:
    kind = action["actionType"]
    if kind not in _ACTIONS:
        word = _UNSERVED.get(kind, "")
        raise _NotRead(f"The orchestrator asks for an action of type {kind:d}{word}, which this host does not run.")
    return _ACTIONS[kind](action)


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


_UNSERVED = {10: " (ScheduledSignalEntity)"}


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
    """Body of an entity invocation. The input of an operation is JSON text in a JSON string, unless it came raw."""
    return json.dumps(
        {
            "self": {"name": name, "key": key},
            "exists": state is not None,
            "state": state.state if state else None,
            "batch": [
                {
                    "name": request.name,
                    "input": request.text if request.text is None or request.raw else json.dumps(request.text),
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
