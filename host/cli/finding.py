"""What ``doctor`` finds, one plain sentence each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """``problem``: the host cannot start or run well before it is mended; ``note``: worth knowing."""

    level: Literal["ok", "note", "problem"]
    text: str
    """One sentence or two; names, numbers and paths, never the value of a setting."""

    def __str__(self) -> str:
        return f"{self.level:<8} {self.text}"


def ok(text: str) -> Finding:
    """Checked, and well."""
    return Finding("ok", text)


def note(text: str) -> Finding:
    """Worth knowing."""
    return Finding("note", text)


def problem(text: str) -> Finding:
    """To be mended."""
    return Finding("problem", text)
