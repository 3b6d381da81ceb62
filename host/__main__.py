"""``python -m host``."""

from __future__ import annotations

import os
import threading

from host.cli.main import main

PATIENCE = 3.0
"""Seconds that threads which an app made get to end: Python waits for them, and some never do."""


def _cut(status: int) -> None:
    try:
        print("Threads that the app made still run and are cut.", flush=True)
    finally:
        os._exit(status)


def _leave(status: int) -> None:
    """End the process, which does what is registered for its end, but not for ever."""
    watch = threading.Timer(PATIENCE, _cut, [status])
    watch.daemon = True
    watch.start()
    raise SystemExit(status)


if __name__ == "__main__":
    _leave(main())
