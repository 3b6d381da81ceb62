"""The schema of the SQLite store: a file of an earlier version is brought to the newest, step by step."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from host.store.statements import named

log = logging.getLogger(__name__)
Connection = sqlite3.Connection
STEPS = tuple(named("migrations.sql").values())
"""The first makes version 1 of an empty file."""
_FIND = "SELECT value FROM meta WHERE key = 'schema'"
_PUT = "INSERT OR REPLACE INTO meta (key, value) VALUES ('schema', ?)"


def migrate(connection: Connection, path: Path) -> None:
    """Bring the file at ``path`` to the newest version. Each step is one transaction: a crash leaves a whole version.

    Raises RuntimeError of a file that a newer host has written; sqlite3.Error.
    """
    found = version(connection)
    if found > len(STEPS):
        raise RuntimeError(
            f"{path} has schema {found}, this host knows up to {len(STEPS)}: use a newer host, or another data folder."
        )
    for number in range(found + 1, len(STEPS) + 1):
        _step(connection, number)
    if 0 < found < len(STEPS):
        log.info("The schema of the store was brought from version %d to %d", found, len(STEPS))


def version(connection: Connection) -> int:
    """Of the file's schema; 0: it has none yet, or a host died while it made the first tables."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is None:
        return 0
    row = connection.execute(_FIND).fetchone()
    return int(row[0]) if row else 0


def _step(connection: Connection, number: int) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{STEPS[number - 1]}")
        connection.execute(_PUT, (str(number),))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
