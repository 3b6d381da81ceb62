"""The named statements of ``statements.sql``."""

from __future__ import annotations

import re
from pathlib import Path

_TEXT = (Path(__file__).parent / "statements.sql").read_text(encoding="utf-8")
_PARTS = re.split(r"^-- name: (\w+)\n", _TEXT, flags=re.MULTILINE)[1:]
SQL: dict[str, str] = {name: text.strip() for name, text in zip(_PARTS[::2], _PARTS[1::2], strict=True)}
