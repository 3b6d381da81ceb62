"""Recorded histories of every way replay on the orchestrators as they are now: open cases survive a new version."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from domain.messages import NotifyInput, RecordDecisionInput, RecordedDecision
from host.recording import replay
from orchestrators import steps
from orchestrators.appeal import appeal
from orchestrators.case import Case
from orchestrators.clock import Clock
from tests.support.recordings import HISTORIES, WAYS, record
from tests.support.samples import SAMPLES

workflow = import_module("orchestrators.prior_authorization")
"""The module: the package's attribute of this name is the function."""
FILES = sorted(HISTORIES.glob("*/*.json"))
CODE: dict[str, Callable[..., Any]] = {
    "prior-authorization": workflow.prior_authorization,
    "appeal": appeal,
}
AGAIN = (
    "A case of this version that is under way could not go on. Change the workflow so that it can, or give it a new "
    "version and record that with: python -m tests.support.recordings"
)


def _read(name: str) -> dict[str, Any]:
    recording: dict[str, Any] = json.loads((HISTORIES / "1.0.0" / f"{name}.json").read_text())
    return recording


def test_every_way_is_recorded() -> None:
    assert {path.stem for path in FILES if path.parent.name == "1.0.0"} == set(WAYS)
    assert {json.loads(path.read_text())["version"] for path in FILES} == {path.parent.name for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recording_fits_the_code(path: Path) -> None:
    recording = json.loads(path.read_text())
    found = replay(recording, CODE[recording["name"]])
    assert not found, f"{path.stem}: {found[0]}. {AGAIN}"


def test_a_step_that_is_left_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(case: Case, clock: Clock, decision: RecordDecisionInput) -> Any:
        notice = NotifyInput(event="decided", key="early")
        yield from steps.call(case, "notify-provider", RecordedDecision, notice)

    monkeypatch.setattr(workflow, "conclude", hasty)
    (first, *_) = replay(_read("approved-at-once"), workflow.prior_authorization)
    assert first.turn == 6
    assert "record_decision" in first.text
    assert "notify_provider" in first.text


def test_a_wait_that_is_cut_otherwise_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "LONGEST_HOP", timedelta(hours=1))
    (first, *_) = replay(_read("open-review"), workflow.prior_authorization)
    assert "timer" in first.text
    assert "due time" in first.text


def test_a_message_may_grow_and_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    envelope = Case.envelope

    def grown(self: Case, *given: Any) -> dict[str, Any]:
        return {**envelope(self, *given), "new": {"member": 1}}

    def changed(self: Case, *given: Any) -> dict[str, Any]:
        return {**envelope(self, *given), "actor": "another"}

    recording = _read("overdue-then-denied")
    monkeypatch.setattr(Case, "envelope", grown)
    assert replay(recording, workflow.prior_authorization) == []
    monkeypatch.setattr(Case, "envelope", changed)
    (first, *_) = replay(recording, workflow.prior_authorization)
    assert "open_case" in first.text
    assert "another input" in first.text


async def test_what_is_recorded_now_fits_too() -> None:
    recording = await record(WAYS["appeal-overturned"])
    assert recording["version"] == "1.0.0"
    assert replay(recording, appeal) == []


def test_recordings_hold_references_and_codes_only() -> None:
    words = set()
    for path in (SAMPLES / "members").glob("members.json"):
        for entry in json.loads(path.read_text())["entry"]:
            resource = entry["resource"]
            words |= {resource.get("subscriberId"), resource.get("birthDate")}
            words |= {name["family"] for name in resource.get("name", [])}
    words.discard(None)
    assert len(words) > 20
    text = "".join(path.read_text() for path in FILES)
    assert [word for word in sorted(words) if word in text] == []
