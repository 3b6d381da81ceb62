"""Says once that a system does not answer, and once that it answers again: not a line a retry of every case."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from domain.errors import Unavailable

LOG: Final = logging.getLogger("workflow.outage")
SETTLED: Final = 5.0
"""Seconds without a failure after which an answer ends an outage: while a system comes and goes, that is one outage."""


class Outage:
    """What one adapter knows of the system that it talks to."""

    def __init__(self, system: str, meanwhile: str, now: Callable[[], float] = time.monotonic) -> None:
        """``system`` begins a sentence; ``meanwhile``: what its absence means, for the operator."""
        self._system = system
        self._meanwhile = meanwhile
        self._now = now
        self._first: float | None = None
        self._last = 0.0
        self._failed = 0

    def failed(self, error: Unavailable) -> Unavailable:
        """Count a call that was not answered; the first one is logged. Gives ``error`` back, to be raised."""
        self._failed += 1
        self._last = self._now()
        if self._first is None:
            self._first = self._last
            LOG.warning("%s is unavailable: %s. %s", self._system, error.text, self._meanwhile)
        return error

    def answered(self) -> None:
        """A call was answered: the outage is over, unless another call failed just now."""
        if self._first is None or self._now() - self._last < SETTLED:
            return
        text = "%s answers again: over %.0f s, %d calls had failed."
        LOG.warning(text, self._system, self._last - self._first, self._failed)
        self._first, self._failed = None, 0
