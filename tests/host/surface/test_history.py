"""Histories as the management API shows them: calls joined with their ends, what is open kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from host.http.views import history_view
from host.model import Event, EventKind, Parent, Status
from host.wire_v1 import wire

BEGIN = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
ENDS = {
    EventKind.TASK_SCHEDULED: (EventKind.TASK_COMPLETED, EventKind.TASK_FAILED),
    EventKind.CHILD_CREATED: (EventKind.CHILD_COMPLETED, EventKind.CHILD_FAILED),
}


def event(kind: EventKind, second: int, **fields: Any) -> dict[str, Any]:
    return wire(Event(kind=kind, at=BEGIN + timedelta(seconds=second), **fields))


def shown(*events: dict[str, Any], with_output: bool = True, with_input: bool = True) -> list[dict[str, Any]]:
    return history_view(events, with_output, with_input)


def call(kind: EventKind) -> dict[str, Any]:
    """``["1"]`` is how the input of an activity is written, and the input of a child as the parent gave it."""
    return event(kind, 1, id=0, name="add", text="1", instance="child")


@pytest.mark.parametrize("kind", ENDS)
def test_a_call_that_has_not_ended_stays_in_the_list(kind: EventKind) -> None:
    (view,) = shown(event(EventKind.TURN_STARTED, 1), call(kind), event(EventKind.TURN_COMPLETED, 1))
    assert view["Name"] == "add"
    assert view["Timestamp"] == "2026-11-23T15:00:01.000000Z"
    assert view["Input"] == ('["1"]' if kind is EventKind.TASK_SCHEDULED else "1")
    assert not {"EventId", "IsPlayed", "Version"} & view.keys()
    (view,) = shown(call(kind), with_input=False)
    assert "Input" not in view


@pytest.mark.parametrize(("kind", "end"), [(kind, end) for kind, ends in ENDS.items() for end in ends])
def test_a_call_is_joined_with_its_end(kind: EventKind, end: EventKind) -> None:
    failed = end in (EventKind.TASK_FAILED, EventKind.CHILD_FAILED)
    events = call(kind), event(end, 2, task=0, text="away" if failed else '{"sum": 2}')
    (view,) = shown(*events)
    assert (view["FunctionName"], view["ScheduledTime"]) == ("add", "2026-11-23T15:00:01.000000Z")
    assert view["Timestamp"] == "2026-11-23T15:00:02.000000Z"
    assert view["Input"] == events[0]["Input"]
    assert (view["Reason"] == "away") if failed else (view["Result"] == {"sum": 2})
    assert "TaskScheduledId" not in view
    (view,) = shown(*events, with_input=False, with_output=False)
    assert not {"Input", "Result"} & view.keys()


def test_a_timer_stands_beside_its_end() -> None:
    due = BEGIN + timedelta(hours=1)
    created, fired = shown(
        event(EventKind.TIMER_CREATED, 1, id=0, due=due), event(EventKind.TIMER_FIRED, 3600, task=0, due=due)
    )
    assert (created["EventType"], fired["EventType"]) == ("TimerCreated", "TimerFired")
    assert created["FireAt"] == fired["FireAt"] == "2026-11-23T16:00:00.000000Z"
    assert not {"EventId", "TimerId", "ScheduledTime"} & (created | fired).keys()


def test_begin_and_end_of_an_instance() -> None:
    begun, ended = shown(
        event(
            EventKind.EXECUTION_STARTED, 0, name="flow", text="5", instance="i", execution="e", parent=Parent("p", "q")
        ),
        {**event(EventKind.EXECUTION_COMPLETED, 1, text='"done"', status=Status.COMPLETED), "OrchestrationStatus": 1},
    )
    assert (begun["FunctionName"], begun["Input"]) == ("flow", '"5"')
    assert not {"Name", "OrchestrationInstance", "ParentInstance"} & begun.keys()
    assert (ended["OrchestrationStatus"], ended["Result"]) == ("Completed", "done")


def test_events_keep_their_names() -> None:
    (view,) = shown(event(EventKind.EVENT_RAISED, 1, name="decided", text="{}"))
    assert (view["Name"], view["Input"]) == ("decided", "{}")
