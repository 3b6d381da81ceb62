"""Every code has its words, and the remaining time is told in two units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pytest

from domain.decision import DenialReason
from domain.facts import FindingStatus, LineOfBusiness, RequirementKind, Urgency
from tests.support.world import ROOT
from triggers.pages import words


def test_every_reason_of_the_rules_has_a_sentence() -> None:
    table = (ROOT / "rules/rulesets/determination/1.0.0/determination.dmn").read_text()
    entries = re.findall(
        r"<outputEntry><text>\"([a-z-]+)\"</text></outputEntry><outputEntry><text>\"([a-z-]+)\"", table
    )
    assert len(entries) > 5
    assert {reason for _, reason in entries} <= set(words.REASONS)


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        (DenialReason, words.DENIALS),
        (FindingStatus, words.FINDINGS),
        (RequirementKind, words.REQUIREMENTS),
        (Urgency, words.URGENCIES),
        (LineOfBusiness, words.LINES),
    ],
)
def test_every_code_has_its_words(codes: type[StrEnum], said: Mapping[StrEnum, str]) -> None:
    assert set(codes) == set(said)


NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "text", "pressure"),
    [
        (timedelta(days=2, hours=3, minutes=40), "2 d 3 h left", "calm"),
        (timedelta(hours=24), "1 d 0 h left", "soon"),
        (timedelta(hours=5, minutes=1, seconds=59), "5 h 1 min left", "soon"),
        (timedelta(seconds=59), "0 min left", "soon"),
        (timedelta(0), "0 min overdue", "late"),
        (timedelta(days=-3, minutes=-1), "3 d 0 h overdue", "late"),
        (None, "No deadline", "calm"),
    ],
)
def test_remaining_time(left: timedelta | None, text: str, pressure: str) -> None:
    due = NOW + left if left is not None else None
    assert (words.remaining(due, NOW), words.pressure(due, NOW)) == (text, pressure)
