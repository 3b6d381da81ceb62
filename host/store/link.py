"""A connection that heals: opened when it is first needed, and again after a fault that broke it."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from host.store.faults import DAMAGED, FULL, LOCKED, DamagedFile, fault_of

T = TypeVar("T")
Connection = sqlite3.Connection
_PASSING = frozenset({FULL, LOCKED})
"""Faults that leave the connection as it was."""


class Link:
    """One thread's connection to the database.

    ``damaged`` is shared by the links of a store: set by the one that meets damage, cleared by one that ``checks``.
    Such a link runs nothing on a file that is known to be damaged: before each transaction it checks the file anew.
    """

    def __init__(self, connect: Callable[[], Connection], damaged: threading.Event, *, checks: bool) -> None:
        self.fault: str | None = None
        """How the last transaction failed, if that was the database's doing."""
        self._connect = connect
        self._damaged = damaged
        self._checks = checks
        self._connection: Connection | None = None

    def transaction(self, begin: str, work: Callable[[Connection], T]) -> T:
        """Run ``work`` between the statement ``begin`` and COMMIT. What it raises undoes all of it."""
        try:
            connection = self._opened()
            connection.execute(begin)
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException as error:
            self._recover(error)
            raise
        self.fault = None
        return result

    def close(self) -> None:
        """The next transaction opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _opened(self) -> Connection:
        suspect = self._checks and self._damaged.is_set()
        if suspect:
            self.close()  # its cache may hold what the file has lost
        if self._connection is None:
            self._connection = self._connect()
        if suspect:
            check(self._connection)
            self._damaged.clear()
        return self._connection

    def _recover(self, error: BaseException) -> None:
        fault = fault_of(error)
        if fault == DAMAGED:
            self._damaged.set()
        if self._connection is None:
            self.fault = fault or f"the database cannot be opened ({type(error).__name__})"
            return
        self.fault = fault or self.fault
        if (fault is not None and fault not in _PASSING) or not _rolled_back(self._connection):
            self.close()


def connect(path: Path, busy_seconds: float) -> Connection:
    """Open a file that exists, in WAL mode, synced at every commit.

    ``busy_seconds``: how long a statement waits for a lock of another program. Raises sqlite3.Error.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def check(connection: Connection) -> None:
    """Read the whole file. Raises DamagedFile, or another sqlite3.DatabaseError if it cannot even be checked."""
    (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise DamagedFile


def _rolled_back(connection: Connection) -> bool:
    """Whether the connection is out of its transaction and fit for the next."""
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        return False
    return True
