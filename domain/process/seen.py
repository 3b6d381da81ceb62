"""What was seen of a case, in order: its steps, its waits and the events that it was sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.envelope import Answer, Envelope
from domain.process.conditions import Value
from domain.process.routing import aside, routing


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


def seen(history: Sequence[Mapping[str, Any]]) -> list[Seen]:
    """What a history in the JSON of the 1.x protocol shows; not the waits, which the custom status alone names."""
    return list(_seen(history))


def _seen(history: Iterable[Mapping[str, Any]]) -> Iterable[Seen]:
    called: dict[int, Envelope] = {}
    for event in history:
        match event["EventType"]:
            case 4:  # TaskScheduled
                envelope = called[event["EventId"]] = _envelope(event["Input"])
                yield Seen(What.STARTED, envelope.step.id, aside=aside(envelope))
            case 5:  # TaskCompleted
                envelope = called[event["TaskScheduledId"]]
                answer = Answer.model_validate_json(event["Result"])
                variables = routing(envelope, answer.data, datetime.fromisoformat(event["Timestamp"]))
                yield Seen(What.COMPLETED, envelope.step.id, variables, aside(envelope))
            case 6:  # TaskFailed
                envelope = called[event["TaskScheduledId"]]
                yield Seen(What.FAILED, envelope.step.id, aside=aside(envelope))
            case 15:  # EventRaised
                yield Seen(What.EVENT, str(event["Name"]).partition(":")[0])
            case 1 if event.get("OrchestrationStatus") in (1, "Completed"):  # ExecutionCompleted
                yield Seen(What.ENDED)


def _envelope(text: str) -> Envelope:
    """The input of an activity as the SDK writes it: a JSON list of one JSON text."""
    value = json.loads(text)
    while isinstance(value, list | str):
        value = json.loads(value[0] if isinstance(value, list) else value)
    return Envelope.model_validate(value)
