"""Whether a data directory can be used, and whether the database in it is whole. Nothing in it is changed."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from host import lock
from host.cli.finding import Finding, note, ok, problem
from host.cli.start import STORE
from host.keys import read_private_json
from host.settings import StartupError
from host.store.migrations import STEPS

LEAST_FREE = 500_000_000
"""Bytes: below it, a busy hub fills the disk before anyone looks."""
SHOWN = 5
"""Defects of a database that are listed; one is enough to act."""
_OTHERS = 0o077
_SCHEMA = "SELECT value FROM meta WHERE key = 'schema'"


def data_findings(data: Path) -> Iterator[Finding]:
    """Permissions, space, who uses it, and its files."""
    if not data.is_dir():
        yield from _missing(data)
        return
    if not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        yield problem(f"{data} is not readable and writable for this user.")
        return
    yield _permissions(data)
    yield _space(data)
    yield _use(data)
    yield from _documents(data)
    yield from database_findings(data / STORE)


def _missing(data: Path) -> Iterator[Finding]:
    if data.exists():
        yield problem(f"{data} is no directory: name another with --data.")
        return
    parent = next(each for each in data.parents if each.exists())
    if not os.access(parent, os.W_OK | os.X_OK):
        yield problem(f"{data} does not exist and cannot be made: {parent} is not writable.")
        return
    yield note(f"{data} does not exist yet: the first start makes it.")
    yield _space(parent)


def _permissions(data: Path) -> Finding:
    paths = [data, *sorted(path for path in data.iterdir() if not path.is_symlink())]
    if shared := [path.name for path in paths if path.stat().st_mode & _OTHERS]:
        return problem(f"Others may use {', '.join(shared)}, where PHI may be: chmod -R go= {data}.")
    return ok(f"{data} is for its owner alone.")


def _space(directory: Path) -> Finding:
    free = shutil.disk_usage(directory).free
    if free < LEAST_FREE:
        return problem(f"Only {_megabytes(free)} are free for {directory}: it needs {_megabytes(LEAST_FREE)} at least.")
    return ok(f"{_megabytes(free)} are free for {directory}.")


def _use(data: Path) -> Finding:
    if not in_use(data):
        return ok("No host runs on it.")
    content = read_private_json(data / lock.LOCK) if (data / lock.LOCK).stat().st_size else {}
    where = f" ({content['origin']}, process {content['pid']})" if "origin" in content else ""
    return note(f"A host runs on it{where}: a second one would be refused.")


def in_use(data: Path) -> bool:
    """Whether a host holds the directory."""
    path = data / lock.LOCK
    if not path.is_file():
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)  # gives the lock back too
    return False


def _documents(data: Path) -> Iterator[Finding]:
    for path in sorted(data.glob("*.json")):
        try:
            read_private_json(path)
        except StartupError as error:
            yield problem(str(error))


def database_findings(path: Path) -> Iterator[Finding]:
    """Schema and wholeness (https://www.sqlite.org/pragma.html#pragma_quick_check) of a database, read-only."""
    if not path.is_file():
        yield note("There is no database yet: the first start makes it.")
        return
    try:
        with closing(_reading(path)) as connection:
            (schema,) = connection.execute(_SCHEMA).fetchone() or ("",)
            defects = [text for (text,) in connection.execute(f"PRAGMA quick_check({SHOWN})") if text != "ok"]
    except sqlite3.Error as error:
        yield problem(f"{path.name} cannot be read: {error}.")
        return
    yield _schema(path, str(schema))
    if defects:
        yield problem(f"{path.name} is damaged: {'; '.join(defects)}. Take it from a backup, or name another --data.")
    else:
        yield ok(f"{path.name} is whole (PRAGMA quick_check).")


def _reading(path: Path) -> sqlite3.Connection:
    """A reader of a database without a log beside it would leave one there (https://www.sqlite.org/wal.html#readonly)."""
    has_log = path.with_name(f"{path.name}-wal").exists()
    return sqlite3.connect(f"{path.absolute().as_uri()}?{'mode=ro' if has_log else 'immutable=1'}", uri=True)


def _schema(path: Path, found: str) -> Finding:
    newest = len(STEPS)
    words = f"{path.name} ({_megabytes(path.stat().st_size)}) has schema {found}"
    if not found.isdecimal() or int(found) > newest:
        return problem(f"{words}, which this host does not know: use a newer host, or name another --data.")
    if int(found) < newest:
        return note(f"{words}: the next start brings it to {newest}.")
    return ok(f"{words}.")


def port_finding(address: str, port: int, data: Path) -> Finding:
    """Whether a host could listen there."""
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        socket.create_server((address, port), family=family).close()
    except OSError as error:
        if in_use(data) and lock.origin(data).endswith(f":{port}"):
            return note(f"Port {port} is held by the host of this data directory.")
        return problem(f"Port {port} of {address} cannot be opened ({error.strerror}): choose another with --port.")
    return ok(f"Port {port} of {address} is free.")


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"
