"""The named statements of the files beside this module."""

from __future__ import annotations

import re
from pathlib import Path


def named(file: str) -> dict[str, str]:
    """The parts of a file that lines ``-- name: NAME`` begin, in their order."""
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)[1:]
    return {name: statement.strip() for name, statement in zip(parts[::2], parts[1::2], strict=True)}


SQL = named("statements.sql")
