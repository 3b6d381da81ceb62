"""What was seen of a case, in order: its steps, its waits and the events that it was sent.

Two forms of a history say the same: the one that an orchestrator is replayed with, and the one that the management API
shows (``showHistory``, ``showHistoryOutput`` and ``showInput``), which is all that Azure gives of an instance.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from domain.envelope import Answer, Envelope
from domain.process.conditions import Value
from domain.process.routing import aside, routing

NEVER: Final = datetime.min.replace(tzinfo=UTC)


class What(StrEnum):
    """What happened."""

    STARTED = "started"
    """A try of a step."""
    COMPLETED = "completed"
    FAILED = "failed"
    """A try in vain."""
    WAITS = "waits"
    """The custom status says that the case waits at the step (for a person: not for an operator)."""
    EVENT = "event"
    """A durable event was raised; the step is its name up to the colon."""
    ENDED = "ended"
    """The instance completed."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that was seen."""

    what: What
    step: str = ""
    variables: Mapping[str, Value] = field(default_factory=dict)
    """Routing variables that a completed step sets."""
    aside: bool = False
    """The step is done on the way, beside what the case waits for."""
    at: datetime | None = field(default=None, compare=False)
    """When (UTC); the same thing seen at another time is the same thing."""


def seen(history: Sequence[Mapping[str, Any]]) -> list[Seen]:
    """What a history in the JSON of the 1.x protocol shows; not the waits, which the custom status alone names."""
    return list(_seen(history))


def seen_in_view(events: Sequence[Mapping[str, Any]]) -> list[Seen]:
    """What the ``historyEvents`` of the management API show: the same as ``seen`` of the history itself.

    There a call stands at its end, and where it began only while it is open. Its begin is put back by its time, in
    either case, so that the order stays when it ends. Calls follow each other (``orchestrators/steps.py``), so a clock
    that goes wrong can misplace a begin among the events between two calls, and no further.
    Raises ``ValueError`` when the inputs were not shown.
    """
    found: list[Seen] = []
    begun: list[Seen] = []
    free = 0
    """Where what follows the last end begins."""
    for event in events:
        match event["EventType"]:
            case "TaskScheduled":
                begun.append(_started(envelope_of(event), event["Timestamp"]))
            case "TaskCompleted" | "TaskFailed" as kind:
                envelope = envelope_of(event)
                _put_back(found, free, _started(envelope, event["ScheduledTime"]))
                found.append(_completed(envelope, event) if kind == "TaskCompleted" else _failed(envelope, event))
                free = len(found)
            case "EventRaised":
                found.append(_raised(event))
            case "ExecutionCompleted" if event.get("OrchestrationStatus") == "Completed":
                found.append(Seen(What.ENDED, at=moment(event["Timestamp"])))
    for one in begun:
        _put_back(found, free, one)
    return found


def _put_back(found: list[Seen], free: int, one: Seen) -> None:
    """Insert ``one`` behind the last thing from ``free`` on that was not later."""
    at = one.at or NEVER
    earlier = [place for place, each in enumerate(found) if place >= free and (each.at or NEVER) <= at]
    found.insert(earlier[-1] + 1 if earlier else free, one)


def _seen(history: Iterable[Mapping[str, Any]]) -> Iterable[Seen]:
    called: dict[int, Envelope] = {}
    for event in history:
        match event["EventType"]:
            case 4:  # TaskScheduled
                envelope = called[event["EventId"]] = envelope_of(event)
                yield _started(envelope, event["Timestamp"])
            case 5:  # TaskCompleted
                yield _completed(called[event["TaskScheduledId"]], event)
            case 6:  # TaskFailed
                yield _failed(called[event["TaskScheduledId"]], event)
            case 15:  # EventRaised
                yield _raised(event)
            case 1 if event.get("OrchestrationStatus") in (1, "Completed"):  # ExecutionCompleted
                yield Seen(What.ENDED, at=moment(event["Timestamp"]))


def _started(envelope: Envelope, when: str) -> Seen:
    return Seen(What.STARTED, envelope.step.id, aside=aside(envelope), at=moment(when))


def _completed(envelope: Envelope, event: Mapping[str, Any]) -> Seen:
    at = moment(event["Timestamp"])
    return Seen(What.COMPLETED, envelope.step.id, routing(envelope, answer_of(event).data, at), aside(envelope), at)


def _failed(envelope: Envelope, event: Mapping[str, Any]) -> Seen:
    return Seen(What.FAILED, envelope.step.id, aside=aside(envelope), at=moment(event["Timestamp"]))


def _raised(event: Mapping[str, Any]) -> Seen:
    return Seen(What.EVENT, str(event["Name"]).partition(":")[0], at=moment(event["Timestamp"]))


def moment(text: str) -> datetime:
    """An instant of a history; without an offset, UTC is meant."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def envelope_of(event: Mapping[str, Any]) -> Envelope:
    """What a call was given. The SDK writes a JSON list of one JSON text. Raises ``ValueError`` without any."""
    value = event.get("Input")
    if value is None:
        raise ValueError("the history does not show the inputs of its calls")
    while isinstance(value, list | str):
        value = json.loads(value) if isinstance(value, str) else value[0]
    return Envelope.model_validate(value)


def answer_of(event: Mapping[str, Any]) -> Answer:
    """What a call gave: a JSON text in a history, its value in the management API."""
    result = event["Result"]
    return Answer.model_validate_json(result) if isinstance(result, str) else Answer.model_validate(result)
