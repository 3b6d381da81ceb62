"""What the steps of a case say of it: which version it runs, whose clock, until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from domain.envelope import Answer
from domain.messages import CaseFile
from domain.process.seen import answer_of, envelope_of, moment


@dataclass(frozen=True, slots=True)
class Facts:
    """Codes that a case pinned; ``None`` before it did."""

    begun: datetime | None = None
    version: str | None = None
    """Of the orchestrator."""
    line_of_business: str | None = None
    urgency: str | None = None
    due: datetime | None = None
    """Until when it must be decided, as of its last step."""


def facts_in_view(events: Sequence[Mapping[str, Any]]) -> Facts:
    """What the last call in ``historyEvents`` of the management API was given, and what the first one answered."""
    calls = [event for event in events if event["EventType"] in ("TaskScheduled", "TaskCompleted", "TaskFailed")]
    begun = next((moment(each["Timestamp"]) for each in events if each["EventType"] == "ExecutionStarted"), None)
    if not calls:
        return Facts(begun)
    last = envelope_of(calls[-1])
    facts = Facts(begun, last.case.version or None, last.case.line_of_business, due=last.due)
    for event in calls:
        if event["EventType"] == "TaskCompleted" and envelope_of(event).step.id == "open-case":
            return replace(facts, urgency=_file(answer_of(event)).urgency.value)
    return facts


def _file(answer: Answer) -> CaseFile:
    return CaseFile.model_validate(answer.data)
