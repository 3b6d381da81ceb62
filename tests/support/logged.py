"""The log in a file, as an operator would find it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from host.logs import Correlate, JsonFormatter


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """All log lines down to DEBUG, as the host writes them, in a file."""
    handler = logging.FileHandler(path)
    handler.addFilter(Correlate())
    handler.setFormatter(JsonFormatter())
    root, before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(handler)
        handler.close()
