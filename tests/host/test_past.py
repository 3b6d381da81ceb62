"""What a turn knows of its history without holding it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.durable_functions as df
import pytest

from host.draft import Draft
from host.intake import gather
from host.model import Event, EventKind, InstanceStatus, Status
from host.past import Past
from host.replay import CREATED, ENDED
from host.store.base import Loaded, Message, Timer
from host.store.memory import MemoryStore
from host.testing import FunctionsInvoker, durable_host

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def _event(kind: EventKind, number: int = -1, **fields: Any) -> Event:
    ended = kind in ENDED
    return Event(kind=kind, at=NOW, id=-1 if ended else number, task=number if ended else -1, **fields)


def test_nothing_has_happened() -> None:
    past = Past.of([])
    assert not past.begun
    assert past.at is None
    assert not past.created(0)


def test_numbers_may_have_gaps_until_they_are_filled() -> None:
    """A rewind takes what failed out of the history, to be created again."""
    past = Past.of([_event(EventKind.TASK_SCHEDULED, number) for number in (0, 1, 3, 4)])
    assert [past.created(number) for number in range(6)] == [True, True, False, True, True, False]
    past.add([_event(EventKind.CHILD_CREATED, 2)])
    assert [past.created(number) for number in range(6)] == [True] * 5 + [False]
    assert past.open == {0, 1, 2, 3, 4}


def test_tasks_are_open_until_they_end_and_calls_of_entities_until_their_reply() -> None:
    past = Past.of(
        [
            _event(EventKind.TIMER_CREATED, 0),
            _event(EventKind.EVENT_SENT, 1, request="call", signal=False),
            _event(EventKind.EVENT_SENT, 2, request="signal", signal=True),
            _event(EventKind.TASK_SCHEDULED, 3),
        ]
    )
    assert past.open == {0, 3}
    assert past.requests == {"call"}
    past.add([_event(EventKind.TIMER_FIRED, 0), _event(EventKind.EVENT_RAISED, name="call")])
    assert past.open == {3}
    assert past.requests == set()
    assert past.created(2)


def flow(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    for number in range(4):
        yield context.task_all([context.call_activity("hello", number), context.call_sub_orchestrator("leaf")])
        yield context.call_entity(df.EntityId("counter", "k"), "get")
        context.signal_entity(df.EntityId("counter", "k"), "get")
        timer = context.create_timer(context.current_utc_datetime + timedelta(days=1))
        yield context.task_any([context.wait_for_external_event("e"), timer])


def leaf(context: df.DurableOrchestrationContext) -> str:
    return f"leaf {context.instance_id}"


def counter(context: df.DurableEntityContext) -> None:
    context.set_result(1)


async def test_it_says_of_every_point_of_a_history_what_the_history_says() -> None:
    store = MemoryStore()
    invoker = FunctionsInvoker({"flow": flow, "leaf": leaf}, {"hello": lambda _: "hello"}, {"counter": counter})
    async with durable_host(invoker, store=store) as host:
        begun = await host.run("flow")
        await host.raise_event(begun.instance_id, "e")
        await host.advance(days=9)
        assert (await host.settled(begun.instance_id)).status is Status.COMPLETED
        history = await store.history(begun.instance_id)
    past = Past()
    for length, event in enumerate(history, 1):
        past.add([event])
        until = history[:length]
        created = {each.id for each in until if each.kind in CREATED}
        sent = {each.id for each in until if each.kind is EventKind.EVENT_SENT}
        assert {number for number in range(99) if past.created(number)} == created
        assert past.open == created - sent - {each.task for each in until if each.kind in ENDED}
        calls = {each.request for each in until if each.kind is EventKind.EVENT_SENT and not each.signal}
        assert past.requests == calls - {each.name for each in until if each.kind is EventKind.EVENT_RAISED}
        assert past.at == event.at


# --- a turn that has a past and no history

INSTANCE = InstanceStatus(
    instance_id="i", execution_id="e", name="flow", version="", status=Status.RUNNING, created=NOW, updated=NOW
)
HISTORY = (
    _event(EventKind.EXECUTION_STARTED),
    _event(EventKind.TASK_SCHEDULED, 0),
    _event(EventKind.TIMER_CREATED, 1),
    _event(EventKind.EVENT_SENT, 2, request="call"),
    _event(EventKind.TASK_COMPLETED, 0),
)
INBOX = (
    _event(EventKind.EXECUTION_STARTED),
    _event(EventKind.RESUMED),
    _event(EventKind.TASK_COMPLETED, 0),
    _event(EventKind.TASK_COMPLETED, 7),
    _event(EventKind.EVENT_RAISED, name="call"),
    _event(EventKind.EVENT_RAISED, name="e"),
    _event(EventKind.EVENT_RAISED, name="nobody waits"),
)


def _loaded(*history: Event) -> Loaded:
    inbox = tuple(Message("i", event, "e", seq) for seq, event in enumerate(INBOX))
    return Loaded(replace(INSTANCE, waits={"E": 1}), history, inbox, (Timer("i", "e", 1, NOW), Timer("i", "e", 1, NOW)))


def test_a_task_ends_once_and_an_event_enters_for_its_wait_or_its_request() -> None:
    intake = gather(_loaded(), Past.of(HISTORY), [], NOW, hold=True)
    entered = [(event.kind, event.task, event.name) for event in intake.events]
    assert sorted(entered, key=str) == sorted(
        [
            (EventKind.RESUMED, -1, None),
            (EventKind.EVENT_RAISED, -1, "call"),
            (EventKind.EVENT_RAISED, -1, "E"),
            (EventKind.TIMER_FIRED, 1, None),
        ],
        key=str,
    )
    assert [message.event.name for message in intake.held] == ["nobody waits"]


@pytest.mark.parametrize("hold", [False, True])
def test_a_turn_takes_in_with_a_past_what_it_takes_in_with_the_history(hold: bool) -> None:
    past = Past.of(HISTORY)
    whole = gather(_loaded(*HISTORY), Past.of(HISTORY), [], NOW, hold=hold)
    for _ in range(2):  # the past is as it was: a turn may be taken twice
        intake = gather(_loaded(), past, [], NOW, hold=hold)
        assert (intake.events, intake.consumed, intake.held) == (whole.events, whole.consumed, whole.held)
    assert past.open == {1}


def test_a_turn_is_never_before_the_last_one() -> None:
    past = Past.of([replace(HISTORY[0], at=NOW + timedelta(hours=1))])
    assert Draft(_loaded(), gather(_loaded(), past, [], NOW, hold=False), NOW).at == NOW + timedelta(hours=1)
    later = NOW + timedelta(hours=2)
    assert Draft(_loaded(), gather(_loaded(), past, [], later, hold=False), later).at == later
