"""What others are told of a case: its business events, each whole but for the case and its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from domain.events.catalog import DECIDED, EXPIRED, INFORMATION_REQUESTED, PENDED, RECEIVED, EventType
from domain.facts import ClockPolicy
from domain.messages import PUBLISH, CaseFile, DecisionSource, PublishInput, RecordedDecision, TaskOpened
from orchestrators.case import Case, Due


def received(case: Case, file: CaseFile) -> Due:
    """The case was opened."""
    data = {
        "claim": file.claim,
        "submitter": file.submitter,
        "line_of_business": file.line_of_business,
        "urgency": file.urgency,
        "received_at": file.received_at,
        "due": case.due,
        "appeals": file.appeals,
    }
    return _due(RECEIVED, case.started.record, file.received_at, data)


def pended(case: Case, task: str, reasons: Sequence[str]) -> Due:
    """A person is to review."""
    data = {"task": task, "due": case.due, "reasons": reasons}
    return _due(PENDED, task, case.now, data)


def information_requested(case: Case, opened: TaskOpened) -> Due:
    """The provider was asked for more."""
    return _due(INFORMATION_REQUESTED, opened.task, case.now, {"task": opened.task, "due": opened.due})


def decided(case: Case, source: DecisionSource, recorded: RecordedDecision) -> Due:
    """A decision is recorded."""
    at = recorded.at or case.now
    data = {
        "response": recorded.claim_response,
        "state": recorded.state,
        "source": source,
        "actions": recorded.actions,
        "decided_at": at,
    }
    return _due(DECIDED, recorded.claim_response, at, data)


def expired(due: datetime, state: str, policy: ClockPolicy, at: datetime) -> Due:
    """The deadline ``due`` passed without a decision; told at ``at``."""
    told = _due(EXPIRED, due.isoformat(), due, {"state": state, "policy": policy.row, "due": due})
    return replace(told, at=at)


def _due(kind: EventType, key: str, at: datetime, data: dict[str, Any]) -> Due:
    """The element is named by what happened: ``prior-authorization.decided.v1`` -> ``publish-decided``."""
    told = PublishInput(type=kind.name, key=key, at=at, data=data)
    return Due(at, PUBLISH + kind.name.split(".")[1], told)
