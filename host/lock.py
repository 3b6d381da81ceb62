"""One host a data directory."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from host import forks
from host.keys import read_private_json
from host.settings import StartupError

LOCK = "host.lock"


@contextmanager
def hold(data: Path) -> Iterator[None]:
    """Hold the directory until the block ends; the kernel releases it if the process dies.

    Raises:
        StartupError: Another host holds it, or it cannot be made or written.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(data / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartupError(f"{data} cannot be used ({error.strerror}): name another directory with --data.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StartupError(f"Another host uses the directory {data}: stop it, or name another with --data.") from None
    forks.keep(descriptor)
    try:
        os.ftruncate(descriptor, 0)
        yield
    finally:
        os.ftruncate(descriptor, 0)
        forks.drop(descriptor)
        os.close(descriptor)


def publish(data: Path, origin: str) -> None:
    """Tell the other verbs where the host listens."""
    with (data / LOCK).open("w", encoding="utf-8") as file:
        json.dump({"origin": origin, "pid": os.getpid()}, file)


def origin(data: Path) -> str:
    """Where the host of a data directory listens.

    Raises:
        StartupError: None runs.
    """
    path = data / LOCK
    content = read_private_json(path) if path.is_file() and path.stat().st_size else {}
    if "origin" not in content:
        raise StartupError(f"No host runs on the data directory {data}: start one, or name another with --data.")
    return str(content["origin"])
