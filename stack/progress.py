"""One line that tells what takes long: rewritten in place on a terminal, else printed every ten seconds."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Final, Self, TextIO

_EVERY: Final = 10.0


class Progress:
    """``with Progress("FHIR server: building") as progress: ... progress.tick()``. Times are seconds of wall clock."""

    def __init__(self, text: str, out: TextIO | None = None) -> None:
        self.text = text
        self._out = out or sys.stderr
        self._live = self._out.isatty()
        self._start = self._printed = time.monotonic()

    @property
    def seconds(self) -> float:
        """Elapsed since the beginning."""
        return time.monotonic() - self._start

    def tick(self) -> None:
        """Call often; it prints seldom."""
        now = time.monotonic()
        if self._live:
            self._out.write(f"\r{self.text} … {self.seconds:.0f} s\x1b[K")
            self._out.flush()
        elif now - self._printed >= _EVERY:
            self._printed = now
            self._say(f"{self.text} … {self.seconds:.0f} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live:
            self._out.write("\r\x1b[K")
        self._say(f"{self.text} … {'done' if error is None else 'failed'} after {self.seconds:.1f} s")

    def _say(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()
