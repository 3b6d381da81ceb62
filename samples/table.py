"""The table that ``make run`` ends with."""

from __future__ import annotations

from collections.abc import Sequence

from samples.cases import Outcome

HEADINGS = ("case", "decision", "codes", "elapsed", "deadline (UTC)", "rules that fired")

SHOWN = 8
"""Rules that fit into a row."""


def table(outcomes: Sequence[Outcome]) -> str:
    """One row an outcome; below it, how it differs from what was expected."""
    rows = [(o.name, o.decision, o.codes, f"{o.seconds * 1000:.0f} ms", o.due, _short(o.rules)) for o in outcomes]
    widths = [max(len(row[i]) for row in [HEADINGS, *rows]) for i in range(len(HEADINGS))]
    lines = [_line(HEADINGS, widths), "  ".join("-" * width for width in widths)]
    for outcome, row in zip(outcomes, rows, strict=True):
        lines.append(_line(row, widths))
        lines += [f"    NOT AS EXPECTED: {wrong}" for wrong in outcome.wrong]
    return "\n".join(lines)


def _short(rules: str) -> str:
    """The first rules; all of them stand in ``GET /cases/{id}``."""
    ids = rules.split()
    return " ".join(ids[:SHOWN]) + (f" +{len(ids) - SHOWN}" if len(ids) > SHOWN else "")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
