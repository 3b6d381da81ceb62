"""The sample cases: submit each, work it as its steps say, compare what came out with what is expected."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samples.client import Answered, Client
from samples.engine import SAMPLES
from samples.response import told

OFFICIAL = SAMPLES.parent.parent / "shared" / "data" / "pas-2.2.1"
"""The example bundles of the PAS package; the samples that need them are left out where they are absent."""
WAITING = {"in-review", "information-requested"}


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
    wrong: list[str] = field(default_factory=list)
    """How it differs from what was expected; empty when it does not."""


def samples() -> list[dict[str, Any]]:
    """The samples whose input is at hand."""
    listed: list[dict[str, Any]] = json.loads((SAMPLES / "expected.json").read_text())
    return [sample for sample in listed if source(sample).exists()]


def source(sample: dict[str, Any]) -> Path:
    """The file that is sent."""
    official = sample.get("official")
    return OFFICIAL / str(official) if official else SAMPLES / str(sample["file"])


def run(client: Client, sample: dict[str, Any], content: bytes | None = None) -> Outcome:
    """Send one sample, do what its reviewers do, tell what came out."""
    body = content if content is not None else source(sample).read_bytes()
    first = client.send(sample["as"], f"/fhir/Claim/{sample['operation']}", body)
    if first.case is None:
        return _without_case(sample, first)
    if sample["steps"]:
        _review(client, sample, first)
        last = client.send(sample["as"], f"/fhir/Claim/{sample['operation']}", body)
    else:
        last = first
    return _compare(client, sample, first, last)


def _review(client: Client, sample: dict[str, Any], first: Answered) -> None:
    """The steps that are still owed: on a second run the case is decided already."""
    case = str(first.case)
    for step in sample["steps"]:
        task = client.open_task(step["as"], case)
        if task:
            client.decide(step["as"], task["id"], step["decision"])
    client.wait(case, {sample["expect"]["state"]})


def _without_case(sample: dict[str, Any], answered: Answered) -> Outcome:
    expect = sample["expect"]
    outcome = Outcome(sample["case"], _kind(answered), str(answered.status), "", answered.seconds, "")
    _check(outcome, "status", expect["status"], answered.status)
    if "problems" in expect:
        found = sorted(path for issue in answered.body.get("issue", []) for path in issue.get("expression", []))
        _check(outcome, "problems", expect["problems"], found)
    if "answers" in expect:
        _check(outcome, "answers", len(expect["answers"]), len(answered.body.get("parameter", [])))
    return outcome


def _compare(client: Client, sample: dict[str, Any], first: Answered, last: Answered) -> Outcome:
    expect, case = sample["expect"], client.case(str(first.case))
    says, said_first = told(last.body), told(first.body)
    codes = [f"{n}:{action}" for n, action in says["actions"].items()] or says["reject"]
    due = (case["due"] or "")[:16].replace("T", " ")
    outcome = Outcome(sample["case"], case["state"], " ".join(codes), " ".join(case["rules"]), first.seconds, due)
    outcome.case = first.case
    _check(outcome, "status", expect["status"], last.status)
    _check(outcome, "state", expect["state"], case["state"])
    _check(outcome, "rules", [], [rule for rule in expect["rules"] if rule not in case["rules"]])
    for key in ("outcome", "actions", "reasons", "reject", "asked", "added", "reviewer"):
        if key in expect:
            _check(outcome, key, expect[key], says[key])
    if "urgency" in expect:
        _check(outcome, "urgency", expect["urgency"], case["urgency"])
    if "first" in expect and said_first["actions"] != says["actions"]:
        _check(outcome, "first answer", expect["first"], said_first["actions"])
    return outcome


def _check(outcome: Outcome, what: str, wanted: Any, found: Any) -> None:
    if wanted != found:
        outcome.wrong.append(f"{what}: expected {wanted}, got {found}")


def _kind(answered: Answered) -> str:
    return "malformed" if answered.status == 400 else "answered"
