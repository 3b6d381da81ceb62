"""The sample cases: submit each, work it as its steps say, compare what came out with what is expected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from samples.arrivals import arrive
from samples.client import Answered, Client
from samples.engine import SAMPLES
from samples.outcome import Outcome, check, compare

OFFICIAL = SAMPLES.parent.parent / "shared" / "data" / "pas-2.2.1"
"""The example bundles of the PAS package; the samples that need them are left out where they are absent."""


def samples() -> list[dict[str, Any]]:
    """The samples whose input is at hand."""
    listed: list[dict[str, Any]] = json.loads((SAMPLES / "expected.json").read_text())
    arriving: list[dict[str, Any]] = json.loads((SAMPLES / "events.json").read_text())
    return [sample for sample in listed if source(sample).exists()] + arriving


def source(sample: dict[str, Any]) -> Path:
    """The file that is sent."""
    official = sample.get("official")
    return OFFICIAL / str(official) if official else SAMPLES / str(sample["file"])


def run(client: Client, sample: dict[str, Any], content: bytes | None = None) -> Outcome:
    """Send one sample, do what its reviewers do, tell what came out."""
    if "event" in sample:
        return arrive(client, sample)
    body = content if content is not None else source(sample).read_bytes()
    first = client.send(sample["as"], f"/fhir/Claim/{sample['operation']}", body)
    if first.case is None:
        return _without_case(sample, first)
    if sample["steps"]:
        _review(client, sample, first)
        last = client.send(sample["as"], f"/fhir/Claim/{sample['operation']}", body)
    else:
        last = first
    return compare(client, sample, first, last)


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
    check(outcome, "status", expect["status"], answered.status)
    if "problems" in expect:
        found = sorted(path for issue in answered.body.get("issue", []) for path in issue.get("expression", []))
        check(outcome, "problems", expect["problems"], found)
    if "answers" in expect:
        check(outcome, "answers", len(expect["answers"]), len(answered.body.get("parameter", [])))
    return outcome


def _kind(answered: Answered) -> str:
    return "malformed" if answered.status == 400 else "answered"
