"""The 1.x protocol, fed to and taken from the SDK's own classes."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from azure.durable_functions.models.DurableOrchestrationContext import DurableOrchestrationContext

from host import codec_v1 as codec
from host.actions import AllOf, AnyOf, AskEntity, CallActivity, CallChild, CreateTimer, WaitEvent
from host.invocation import FunctionFailed
from host.model import Event, EventKind, Parent, Status
from host.starts import new_start
from host.wire_v1 import unwire, wire

NOW = datetime(2026, 1, 5, 9, 0, 0, 120, tzinfo=UTC)

# A real answer of SDK 1.7.
STATE = """{"isDone": false, "schemaVersion": 2, "actions": [[
 {"actionType": 9, "instanceId": "@counter@k", "operation": "add", "input": "1"},
 {"actionType": 12, "compoundActions": [
  {"actionType": 0, "functionName": "a", "input": "{\\"x\\": 1}"},
  {"actionType": 12, "compoundActions": [{"actionType": 1, "functionName": "b", "input": "\\"in\\"",
   "retryOptions": {"firstRetryIntervalInMilliseconds": 100, "maxNumberOfAttempts": 3}}]},
  {"actionType": 2, "functionName": "s", "input": "[1]", "instanceId": "iid", "version": "2"},
  {"actionType": 5, "fireAt": "2026-01-01T01:00:00.000000Z", "isCanceled": false},
  {"actionType": 6, "externalEventName": "E", "reason": "ExternalEvent"},
  {"actionType": 8, "httpRequest": {"method": "POST", "uri": "https://x/y"}},
  {"actionType": 11, "compoundActions": [{"actionType": 7, "instanceId": "@c@k", "operation": "get", "input": "null"}]}
 ]}]], "customStatus": {"s": 1}}"""


def test_an_answer_is_read_whole() -> None:
    decision = codec.decision(STATE)
    signal, every = decision.actions
    assert signal == AskEntity("@counter@k", "add", "1", signal=True)
    assert isinstance(every, AllOf)
    activity, retried, child, timer, wait, http, either = every.children
    assert activity == CallActivity("a", '{"x": 1}')
    assert isinstance(retried, AllOf)
    assert isinstance(retried.children[0], CallActivity)
    assert retried.children[0].retry is not None
    assert retried.children[0].retry.attempts == 3
    assert child == CallChild("s", "[1]", "iid", "2")
    assert timer == CreateTimer(datetime(2026, 1, 1, 1, tzinfo=UTC))
    assert wait == WaitEvent("E")
    assert http == CallActivity("BuiltIn::HttpActivity", '{"method": "POST", "uri": "https://x/y"}')
    assert either == AnyOf((AskEntity("@c@k", "get", "null", signal=False),))
    assert (decision.done, decision.output, decision.custom_status) == (False, None, '{"s": 1}')


@pytest.mark.parametrize("text", ["null", "[]", "x", '{"schemaVersion": 2}', '{"schemaVersion": "two"}'])
def test_what_is_no_state_fails_the_orchestration(text: str) -> None:
    assert codec.decision(text).error == "The orchestrator did not return an orchestration state."


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"schemaVersion": 3, "actions": [[]], "isDone": true}', "schema version 3; this host reads 2"),
        ('{"actions": [[]], "isDone": true}', "schema version 0; this host reads 2"),
        ('{"schemaVersion": 2, "actions": [[{"actionType": 10}]]}', "of type 10 (ScheduledSignalEntity), which"),
        (
            '{"schemaVersion": 2, "actions": [[{"actionType": 12, "compoundActions": [{"actionType": 99}]}]]}',
            "an action of type 99, which this host does not run",
        ),
    ],
)
def test_a_state_that_this_host_cannot_run_is_named(text: str, error: str) -> None:
    decision = codec.decision(text)
    assert error in (decision.error or "")
    assert not decision.actions


def test_the_state_of_a_failed_orchestrator_rides_in_its_message() -> None:
    state = '{"isDone": false, "schemaVersion": 2, "actions": [[]], "error": "no luck", "customStatus": "x"}'
    decision = codec.decision_of_failure(FunctionFailed("ValueError", f"no luck\n\n$OutOfProcData$:{state}", ("f",)))
    assert (decision.error, decision.custom_status) == ("no luck", '"x"')
    assert decision.failure is not None
    assert (decision.failure.type, decision.failure.frames) == ("ValueError", ("f",))
    assert codec.decision_of_failure(FunctionFailed("TypeError", "plain")).error == "plain"


@pytest.mark.parametrize(
    "state", ["", "{", "[]", "null", "{}", '{"schemaVersion": 3}', '{"schemaVersion": "two"}', "[" * 100_000]
)
def test_a_failed_orchestrator_whose_state_cannot_be_read_keeps_its_error(state: str) -> None:
    decision = codec.decision_of_failure(FunctionFailed("ValueError", f"no luck\n\n$OutOfProcData$:{state}"))
    assert (decision.error, decision.actions) == ("no luck", ())


def test_an_exception_may_quote_the_label_of_a_state() -> None:
    quoted = "a child said: bad\n\n$OutOfProcData$:{}"
    state = json.dumps({"isDone": False, "schemaVersion": 2, "actions": [[]], "error": quoted, "customStatus": 1})
    decision = codec.decision_of_failure(FunctionFailed("ValueError", f"{quoted}\n\n$OutOfProcData$:{state}"))
    assert (decision.error, decision.custom_status) == (quoted, "1")


@pytest.mark.filterwarnings("ignore:azure.functions df_loads was called:DeprecationWarning")
def test_the_sdk_reads_the_context() -> None:
    start = new_start("flow", '{"n": 3}', "i", "1.2", NOW, None, Parent("p", "e", "up", 4))
    events = [Event(kind=EventKind.TURN_STARTED, at=NOW), start.event]
    context = DurableOrchestrationContext.from_json(
        codec.context(start.instance, events, replaying=False, timer_spans=True)
    )
    assert context.get_input() == {"n": 3}
    assert context.instance_id == "i"
    assert context.parent_instance_id == "p"
    assert context.version == "1.2"
    assert context.current_utc_datetime == NOW
    assert context._maximum_short_timer_duration.days == 6


EVENTS = [
    Event(kind=EventKind.TURN_STARTED, at=NOW),
    Event(kind=EventKind.TURN_COMPLETED, at=NOW),
    Event(kind=EventKind.TASK_SCHEDULED, at=NOW, id=1, name="a", text='"x"'),
    Event(kind=EventKind.TASK_COMPLETED, at=NOW, task=1, text="1"),
    Event(kind=EventKind.TASK_FAILED, at=NOW, task=1, text="why", details=""),
    Event(kind=EventKind.CHILD_CREATED, at=NOW, id=2, name="c", version="1", instance="child", text="1"),
    Event(kind=EventKind.CHILD_COMPLETED, at=NOW, task=2, text="1"),
    Event(kind=EventKind.CHILD_FAILED, at=NOW, task=2, text="why", details=""),
    Event(kind=EventKind.TIMER_CREATED, at=NOW, id=3, due=NOW),
    Event(kind=EventKind.TIMER_FIRED, at=NOW, task=3, due=NOW),
    Event(kind=EventKind.EVENT_SENT, at=NOW, id=4, name="add", instance="@c@k", text="1", request="guid", signal=True),
    Event(kind=EventKind.EVENT_RAISED, at=NOW, name="e", text="1"),
    Event(kind=EventKind.EXECUTION_TERMINATED, at=NOW, text="why"),
    Event(kind=EventKind.EXECUTION_COMPLETED, at=NOW, id=5, status=Status.COMPLETED, text="1"),
    Event(
        kind=EventKind.EXECUTION_STARTED,
        at=NOW,
        name="flow",
        version="1",
        text="{}",
        instance="i",
        execution="e",
        parent=Parent("p", "e", "up", 4),
    ),
    Event(
        kind=EventKind.EXECUTION_STARTED,
        at=NOW,
        name="flow",
        version="1",
        text="[1]",
        raw=True,
        instance="i",
        execution="e",
    ),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind.name)
def test_wire_events_are_read_back(event: Event) -> None:
    assert unwire(json.loads(json.dumps(wire(event)))) == event


def test_an_input_that_came_as_a_value_is_handed_over_as_such() -> None:
    start = new_start("flow", "[1]", "i", "", NOW, raw=True)
    events = [Event(kind=EventKind.TURN_STARTED, at=NOW), start.event]
    body = json.loads(codec.context(start.instance, events, replaying=False, timer_spans=False))
    assert body["input"] == [1]
    assert body["history"][1]["Input"] == "[1]"
    request = Event(kind=EventKind.EVENT_SENT, at=NOW, name="add", text="5", signal=True, raw=True)
    batch = json.loads(codec.entity_batch("counter", "k", None, [request]))["batch"]
    assert batch[0]["input"] == "5"


def test_the_input_of_an_entity_operation_is_text_in_a_string() -> None:
    request = Event(kind=EventKind.EVENT_SENT, at=NOW, name="add", text="5", signal=True)
    batch = json.loads(codec.entity_batch("counter", "k", None, [request]))["batch"]
    assert batch == [{"name": "add", "input": '"5"', "isSignal": True}]
