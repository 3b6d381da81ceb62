"""Named places where a test may have the process die as if by ``kill -9``."""

from __future__ import annotations

import os

CRASH_POINTS = frozenset(
    {
        "mid-batch",  # in a transaction of several jobs, between two of them
        "before-commit",  # all jobs of a transaction have run
        "before-answer",  # a transaction is on disk, and those who wait for it do not know yet
        "after-commit",  # of a turn: what it set in motion has not begun
        "after-activity",  # its result is not written
        "mid-fan-in",  # neither its result nor that of another activity of the instance is written
        "before-entity-commit",
    }
)
"""Named in ``HOST_CRASH_AT``; ``name:3`` dies at the third pass."""
KILLED = 137
_name, _, _count = os.environ.get("HOST_CRASH_AT", "").partition(":")
_passes = 0


def crash_point(name: str) -> None:
    """Die here if the environment says so."""
    global _passes
    assert name in CRASH_POINTS
    if name == _name:
        _passes += 1
        if _passes >= int(_count or 1):
            os._exit(KILLED)
