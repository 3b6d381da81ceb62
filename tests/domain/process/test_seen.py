"""Both forms of a history say the same of a case: the one for replays, and the one of the management API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.envelope import Answer, CaseRef, Envelope, StepRef
from domain.messages import NotifyInput
from domain.process.seen import Seen, What, seen, seen_in_view
from host.http.views import history_view
from host.model import Event, EventKind, Status
from host.wire_v1 import instant, wire
from tests.orchestrators.test_prior_authorization import RECEIVED
from tests.support.recordings import HISTORIES

RECORDINGS = sorted(HISTORIES.glob("*/*.json"))


def view(history: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return history_view(history, with_output=True, with_input=True)


def instants(steps: Sequence[Seen]) -> list[datetime | None]:
    return [one.at for one in steps]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recorded_case(path: Path) -> None:
    history = json.loads(path.read_text())["history"]
    assert seen_in_view(view(history)) == seen(history)
    assert instants(seen_in_view(view(history))) == instants(seen(history))


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recorded_case_at_every_moment(path: Path) -> None:
    history = json.loads(path.read_text())["history"]
    for length in range(len(history)):
        assert seen_in_view(view(history[:length])) == seen(history[:length])


Told = list[tuple[str, int]]
"""What happens, and how many milliseconds after what was before."""


@st.composite
def lives(draw: st.DrawFn) -> Told:
    """Calls one after the other, and events at any time."""
    told: Told = []
    running = False
    for what in draw(st.lists(st.sampled_from(["call", "event"]), max_size=20)):
        word = what if what == "event" else draw(st.sampled_from(["done", "failed"])) if running else "call"
        running = running if word == "event" else word == "call"
        told.append((word, draw(st.integers(1, 100_000))))
    return told


def history_of(told: Told, *, ended: bool = False) -> list[dict[str, Any]]:
    """The history of a case that it happened to."""
    history: list[dict[str, Any]] = []
    at, number = RECEIVED, 0
    for word, after in told:
        at += timedelta(milliseconds=after)
        number += word == "call"
        history.append(wire(_event(word, at, number)))
    if ended:
        at += timedelta(milliseconds=1)
        history.append(wire(Event(kind=EventKind.EXECUTION_COMPLETED, at=at, status=Status.COMPLETED)))
    return history


def _event(word: str, at: datetime, number: int) -> Event:
    match word:
        case "call":
            envelope = Envelope(
                case=CaseRef(id="c", workflow="w", version="1", record="Task/t"),
                step=StepRef(id="notify-provider", n=number),
                at=at,
                data=NotifyInput(event=f"event-{number}", key="k").model_dump(),
            )
            return Event(kind=EventKind.TASK_SCHEDULED, at=at, id=number, name="a", text=envelope.model_dump_json())
        case "done":
            return Event(kind=EventKind.TASK_COMPLETED, at=at, task=number, text=Answer().model_dump_json())
        case "failed":
            return Event(kind=EventKind.TASK_FAILED, at=at, task=number, text="unavailable:fhir")
        case _:
            return Event(kind=EventKind.EVENT_RAISED, at=at, name="decided:1", text="null")


@given(told=lives(), ended=st.booleans())
def test_any_case(told: Told, ended: bool) -> None:
    history = history_of(told, ended=ended)
    assert seen_in_view(view(history)) == seen(history)


@given(told=lives())
def test_what_was_seen_stays_seen(told: Told) -> None:
    whole = seen_in_view(view(history_of(told)))
    for length in range(len(told)):
        before = seen_in_view(view(history_of(told[:length])))
        assert before == whole[: len(before)]


@given(told=lives(), skew=st.integers(-5_000, 5_000))
def test_a_worker_whose_clock_goes_wrong_changes_no_order_of_calls(told: Told, skew: int) -> None:
    history = history_of(told)
    for event in history:
        if event["EventType"] in (EventKind.TASK_COMPLETED, EventKind.TASK_FAILED):
            event["Timestamp"] = instant(datetime.fromisoformat(event["Timestamp"]) + timedelta(milliseconds=skew))
    calls = [one for one in seen(history) if one.what is not What.EVENT]
    assert [one for one in seen_in_view(view(history)) if one.what is not What.EVENT] == calls


def test_what_a_rewind_on_azure_leaves_is_passed_over() -> None:
    history = history_of([("call", 1), ("done", 1)])
    gone = {"EventType": "GenericEvent", "Timestamp": "2026-11-23T15:00:00Z", "Data": "Rewound"}
    assert seen_in_view([gone, *view(history)]) == seen(history)


def test_a_history_without_inputs_is_refused() -> None:
    for length in (1, 2):
        history = history_of([("call", 1), ("done", 1)][:length])
        with pytest.raises(ValueError, match="inputs"):
            seen_in_view(history_view(history, with_output=True, with_input=False))
