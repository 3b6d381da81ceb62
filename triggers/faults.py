"""Faults of ours in the log: type and frames, never values."""

from __future__ import annotations

import logging
import traceback
from typing import Final

LOG: Final = logging.getLogger("workflow.triggers")
_MOST_FRAMES: Final = 6


def log_fault(error: Exception, what: str) -> None:
    """Tell that ``what`` failed, of which type, and where."""
    frames = [f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}:{f.name}" for f in traceback.extract_tb(error.__traceback__)]
    LOG.error("%s failed with %s at %s", what, type(error).__name__, " < ".join(reversed(frames[-_MOST_FRAMES:])))
