"""Rows of text in columns."""

from __future__ import annotations

from collections.abc import Sequence


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """``rows`` below ``headings``, each column as wide as its widest cell."""
    widths = [max(len(row[i]) for row in [headings, *rows]) for i in range(len(headings))]
    return "\n".join(line(cells, widths) for cells in [headings, ["-" * width for width in widths], *rows])


def line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One row."""
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
