"""The version of orchestrators that new instances get."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final

HOST: Final = Path(__file__).parents[1] / "host.json"


@cache
def default_version() -> str:
    """``defaultVersion`` of host.json."""
    settings = json.loads(HOST.read_text("utf-8"))
    return str(settings["extensions"]["durableTask"]["defaultVersion"])
