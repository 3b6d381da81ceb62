"""What came out of a sample, and how it differs from what ``samples/expected.json`` and ``samples/events.json`` say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from samples.client import Answered, Client
from samples.response import told


@dataclass
class Outcome:
    """One row of the table."""

    name: str
    decision: str
    codes: str
    rules: str
    seconds: float
    due: str
    case: str | None = None
    channel: str = "http"
    """How it came: ``http`` or ``event``."""
    wrong: list[str] = field(default_factory=list)
    """How it differs from what was expected; empty when it does not."""


def compare(client: Client, sample: dict[str, Any], first: Answered, last: Answered) -> Outcome:
    """The outcome of a sample that opened a case: by its first and its last answer, and by the case."""
    expect, case = sample["expect"], client.case(str(first.case))
    says, said_first = told(last.body), told(first.body)
    codes = [f"{n}:{action}" for n, action in says["actions"].items()] or says["reject"]
    due = (case["due"] or "")[:16].replace("T", " ")
    outcome = Outcome(sample["case"], case["state"], " ".join(codes), " ".join(case["rules"]), first.seconds, due)
    outcome.case = first.case
    check(outcome, "status", expect["status"], last.status)
    check(outcome, "state", expect["state"], case["state"])
    check(outcome, "rules", [], [rule for rule in expect["rules"] if rule not in case["rules"]])
    for key in ("outcome", "actions", "reasons", "reject", "asked", "added", "reviewer"):
        if key in expect:
            check(outcome, key, expect[key], says[key])
    if "urgency" in expect:
        check(outcome, "urgency", expect["urgency"], case["urgency"])
    if "first" in expect and said_first["actions"] != says["actions"]:
        check(outcome, "first answer", expect["first"], said_first["actions"])
    return outcome


def check(outcome: Outcome, what: str, wanted: Any, found: Any) -> None:
    """Note a difference."""
    if wanted != found:
        outcome.wrong.append(f"{what}: expected {wanted}, got {found}")
