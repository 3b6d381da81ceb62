"""One mirror a store: a second one that is started by mistake is refused."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunning(Exception):
    """Another mirror works on this store."""


@contextmanager
def lock(store: Path) -> Iterator[None]:
    """Hold the lock of ``store``; it ends with the process, however that ends. Raises ``AlreadyRunning``."""
    store.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(store.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"A mirror works on {store} already; stop it, or name another store.") from None
        yield
    finally:
        os.close(handle)
