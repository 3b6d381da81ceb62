"""What a step of every engine does: one line in a log that survives a kill, and an answer of 1 KB."""

from __future__ import annotations

import os
import time
from functools import cache
from typing import Any, Final

LOG: Final = "PEERS_LOG"
"""Environment variable: the file that takes the lines."""
DEADLINE: Final = 7 * 24 * 3600.0
"""Seconds of the timer that a human task is raced against."""
_LINE: Final = {"code": "C-0000", "status": "met", "weight": 0.25, "text": "a criterion of a case, of usual length"}
waiting: Final[set[str]] = set()
"""Instances whose code has come to its wait in this process."""


def work(instance: str, step: int) -> dict[str, Any]:
    """The step: about 1 KB of JSON."""
    os.write(_log(), f"{instance} {step} {time.monotonic():.6f}\n".encode())
    return {"instance": instance, "step": step, "criteria": [_LINE] * 10}


def reached(instance: str) -> None:
    """The code of an instance is at its wait."""
    waiting.add(instance)


@cache
def _log() -> int:
    return os.open(os.environ[LOG], os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
