"""The table that ``make run`` ends with."""

from __future__ import annotations

from collections.abc import Sequence

from events.table import line
from samples.outcome import Outcome

HEADINGS = ("case", "channel", "decision", "codes", "elapsed", "deadline (UTC)", "rules that fired")

SHOWN = 8
"""Rules that fit into a row."""


def table(outcomes: Sequence[Outcome]) -> str:
    """One row an outcome; below it, how it differs from what was expected."""
    rows = [_row(outcome) for outcome in outcomes]
    widths = [max(len(row[i]) for row in [HEADINGS, *rows]) for i in range(len(HEADINGS))]
    lines = [line(HEADINGS, widths), line(["-" * width for width in widths], widths)]
    for outcome, row in zip(outcomes, rows, strict=True):
        lines.append(line(row, widths))
        lines += [f"    NOT AS EXPECTED: {wrong}" for wrong in outcome.wrong]
    return "\n".join(lines)


def _row(each: Outcome) -> tuple[str, ...]:
    took = f"{each.seconds * 1000:.0f} ms"
    return (each.name, each.channel, each.decision, each.codes, took, each.due, _short(each.rules))


def _short(rules: str) -> str:
    """The first rules; all of them stand in ``GET /cases/{id}``."""
    ids = rules.split()
    return " ".join(ids[:SHOWN]) + (f" +{len(ids) - SHOWN}" if len(ids) > SHOWN else "")
