"""What is wrong with a database, in words that hold no value of it.

Codes: https://www.sqlite.org/rescode.html. What is not listed there as a matter of file, disk or lock (a broken
constraint, a statement that does not fit) is the fault of the job that met it, and none of the database.
"""

from __future__ import annotations

import sqlite3

FULL = "the disk is full"
LOCKED = "another program holds a lock on the database"
DAMAGED = "the database file is damaged"

_PRIMARY = 0xFF
"""Extended result codes carry the primary code in their lowest byte."""
_WORDS = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written",
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened",
    sqlite3.SQLITE_READONLY: "the database file cannot be written",
    sqlite3.SQLITE_PERM: "the database file may not be opened",
    sqlite3.SQLITE_PROTOCOL: LOCKED,
    sqlite3.SQLITE_NOMEM: "memory has run out",
}


class DamagedFile(sqlite3.DatabaseError):
    """A check has found damage; SQLite's own errors of that kind are DatabaseErrors with the same code."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    sqlite_errorname = "SQLITE_CORRUPT"

    def __init__(self) -> None:
        super().__init__(DAMAGED)


def fault_of(error: BaseException) -> str | None:
    """What an error says of the database; None: nothing."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else _WORDS.get(code & _PRIMARY)
