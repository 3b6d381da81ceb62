"""The table that ``make run`` ends with."""

from __future__ import annotations

from samples.outcome import Outcome, check
from samples.table import SHOWN, table


def test_a_row_an_outcome_and_below_it_what_is_wrong() -> None:
    good = Outcome("one", "approved", "1:A1", " ".join(f"R-{n}" for n in range(SHOWN + 2)), 0.25, "2026-12-01 04:59")
    bad = Outcome("another", "denied", "1:A3", "", 1.5, "", channel="event")
    check(bad, "state", "approved", "denied")
    check(bad, "outcome", "complete", "complete")
    heading, _, first, second, wrong = table([good, bad]).splitlines()
    assert heading.split()[:3] == ["case", "channel", "decision"]
    assert first.split()[:5] == ["one", "http", "approved", "1:A1", "250"]
    assert first.endswith(f"R-{SHOWN - 1} +2")
    assert second.split()[:4] == ["another", "event", "denied", "1:A3"]
    assert wrong.strip() == "NOT AS EXPECTED: state: expected approved, got denied"
