"""Says once that a system does not answer, and once that it answers again: not a line a retry of every case."""

from __future__ import annotations

import logging
import time

from domain.errors import Unavailable

LOG = logging.getLogger("workflow.outage")


class Outage:
    """What one adapter knows of the system that it talks to."""

    def __init__(self, system: str, meanwhile: str) -> None:
        """``system`` begins a sentence; ``meanwhile``: what its absence means, for the operator."""
        self._system = system
        self._meanwhile = meanwhile
        self._since: float | None = None
        self._failed = 0

    def failed(self, error: Unavailable) -> Unavailable:
        """Count a call that was not answered; the first one is logged. Gives ``error`` back, to be raised."""
        self._failed += 1
        if self._since is None:
            self._since = time.monotonic()
            LOG.warning("%s is unavailable: %s. %s", self._system, error.text, self._meanwhile)
        return error

    def answered(self) -> None:
        """A call was answered: an outage is over."""
        if self._since is not None:
            seconds = time.monotonic() - self._since
            LOG.warning("%s answers again after %.0f s; %d calls had failed.", self._system, seconds, self._failed)
            self._since, self._failed = None, 0
