"""One event of each type, with every field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

CASE: Final = "prior-authorization-" + "0a" * 16
_AT: Final = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
_TASK: Final = "Task/4711"
_LAY: Final = {"topic": "eligibility.changes", "partition": 1, "offset": 17, "appended_at": _AT}

DATA: Final[dict[str, dict[str, Any]]] = {
    "prior-authorization.requested.v1": {"organization": "clinic", "request": "Binary/b-1"},
    "attachment.received.v1": {"organization": "clinic", "attachment": "Binary/b-2"},
    "coverage.changed.v1": {"coverage": "Coverage/c.1"},
    "decision.taken.v1": {"task": _TASK, "decision": "Binary/b-3"},
    "prior-authorization.received.v1": {
        "case": CASE,
        "record": _TASK,
        "claim": "Claim/1",
        "submitter": "clinic",
        "line_of_business": "medicaid",
        "urgency": "expedited",
        "received_at": _AT,
        "due": _AT,
        "appeals": CASE,
    },
    "prior-authorization.pended.v1": {
        "case": CASE,
        "record": _TASK,
        "task": _TASK,
        "due": _AT,
        "reasons": ("not-covered",),
    },
    "prior-authorization.information-requested.v1": {"case": CASE, "record": _TASK, "task": _TASK, "due": _AT},
    "prior-authorization.decided.v1": {
        "case": CASE,
        "record": _TASK,
        "response": "ClaimResponse/1/_history/3",
        "state": "approved",
        "source": "rules",
        "actions": ("A1",),
        "decided_at": _AT,
    },
    "prior-authorization.expired.v1": {
        "case": CASE,
        "record": _TASK,
        "state": "deemed",
        "policy": "ny-medicaid-expedited",
        "due": _AT,
    },
    "process.step.v1": {
        "case": CASE,
        "workflow": "prior-authorization",
        "step": "decide",
        "n": 2,
        "outcome": "failed",
        "code": "unavailable:rules",
    },
    "dead-letter.v1": {**_LAY, "reason": "not-json", "places": ("$.coverage",), "lane": "ab" * 16},
    "parked.v1": {**_LAY, "lane": "ab" * 16},
}
