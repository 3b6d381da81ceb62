"""Routing variables: the codes by which the gateways of the models decide, made of what a step took and gave.

The Camunda mirror sets them when it completes the step's job; the token game uses the same ones. Codes and flags only.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from domain.envelope import Envelope
from domain.facts import DeterminationOutcome, Tolling
from domain.messages import PUBLISH
from domain.process.conditions import Value
from domain.process.shadow import clock_policies, determinations

AUTOMATIC: Final = frozenset({DeterminationOutcome.APPROVE, DeterminationOutcome.NOT_REQUIRED})
INITIAL: Final[dict[str, Value]] = {
    "closed": False,
    "informed": False,
    "meanwhile": False,
    "eligibility": "",
    "outcome": "",
    "superseded": False,
    "taken": "",
    "stopped": False,
    "withdrawn": False,
    "notice": "",
    "task": "",
    "refused": "",
    "determinations": None,
    "clockPolicies": None,
}
"""Every routing variable as it is when the process starts: in FEEL a comparison with an absent one is an incident.

``closed``: the record was finished before. ``informed``: a question was asked and is over. ``meanwhile``: the step ran
while a person was awaited. ``eligibility``: an ``EligibilityOutcome``. ``outcome``: ``automatic``, ``information`` or
``review``. ``superseded``: an appeal has taken the case over. ``taken``: ``decision`` or ``question``. ``stopped``: the
clock stands still. ``withdrawn``: the open task was. ``notice``: the event of the last notice. ``task``: id of the
human task that was opened last; messages for a task are correlated by it, so that what is left over of an earlier one
finds nobody. ``refused``: why the last decision in Tasklist was not taken, a code; a new review starts without.
``determinations``, ``clockPolicies``: what DMN tables judge again beside the rules (``domain/process/shadow.py``).
"""


def aside(envelope: Envelope) -> bool:
    """Whether a step is done on the way, beside what the case waits for: what falls due and what others are told."""
    step = envelope.step.id
    if step == "notify-provider":
        return bool(envelope.data["event"] != "decided")
    return step in ("escalate", "record-deemed") or (step.startswith(PUBLISH) and step != f"{PUBLISH}decided")


def routing(envelope: Envelope, answer: Mapping[str, Any], at: datetime) -> dict[str, Value]:
    """The variables that a step sets. ``answer``: the ``data`` of its Answer; ``at``: when it was completed (UTC)."""
    match envelope.step.id:
        case "open-case":
            return {"closed": bool(answer["closed"])}
        case "check-eligibility":
            return {"eligibility": str(answer["eligibility"]["outcome"]), "meanwhile": envelope.task is not None}
        case "set-deadline":
            return {"clockPolicies": clock_policies(envelope, answer)}
        case "determine":
            return {"outcome": _outcome(answer), "determinations": determinations(envelope, answer)}
        case "record-decision":
            return {"superseded": bool(answer.get("superseded"))}
        case "open-review":
            return {**_opened(answer), "refused": ""}
        case "request-information":
            return {**_opened(answer), "stopped": _stopped(envelope, at)}
        case "close-information":
            return {"informed": True}
        case "take-decision":
            return {"taken": "question" if answer["kind"] == "request-information" else "decision"}
        case "withdraw-task":
            return {"withdrawn": bool(answer["withdrawn"])}
        case "notify-provider":
            return {"notice": str(envelope.data["event"])}
        case _:
            return {}


def _outcome(answer: Mapping[str, Any]) -> str:
    outcomes = {item["determination"]["outcome"] for item in answer["items"]}
    if outcomes <= AUTOMATIC:
        return "automatic"
    asks = DeterminationOutcome.REQUEST_INFORMATION in outcomes and DeterminationOutcome.PEND not in outcomes
    return "information" if asks else "review"


def _opened(answer: Mapping[str, Any]) -> dict[str, Value]:
    return {"superseded": bool(answer.get("superseded")), "task": str(answer["task"]).removeprefix("Task/")}


def _stopped(envelope: Envelope, at: datetime) -> bool:
    """Whether the clock stands still while the question is open: where the policy says so, before the deadline."""
    return envelope.data["policy"]["tolling"] == Tolling.PAUSES and envelope.due is not None and at < envelope.due
