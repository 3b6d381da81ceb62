"""The durable store: one SQLite file in WAL mode, synced at every commit, readable by its owner alone."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from host.model import EntityPage, EntityQuery, EntityStatus, Event, InstanceQuery, InstanceStatus, Page, Status
from host.store import sqlite_reads as reads
from host.store import sqlite_writes as writes
from host.store.base import Backlog, EntityTurn, Loaded, Message, Start, Turn
from host.store.statements import SQL
from host.store.writer import Writer

SCHEMA_VERSION = "1"
T = TypeVar("T")
Connection = sqlite3.Connection


class SqliteStore:
    """``path`` of the database file; its folder is made if need be."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Writer | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._reading: Connection | None = None
        self._lock = -1

    async def open(self) -> None:
        self._lock = await asyncio.to_thread(_prepare, self._path)
        self._writer = Writer(self._connect)
        self._readers = ThreadPoolExecutor(1, thread_name_prefix="hub-reader")
        self._reading = self._connect()

    async def close(self) -> None:
        assert self._writer is not None
        assert self._readers is not None
        assert self._reading is not None
        await self._writer.close()
        self._readers.shutdown()
        self._reading.close()
        os.close(self._lock)

    def _connect(self) -> Connection:
        return _connect(self._path)

    async def _write(self, job: Callable[[Connection], T]) -> T:
        assert self._writer is not None
        return await self._writer.run(job)

    async def _read(self, job: Callable[[Connection], T]) -> T:
        connection = self._reading
        assert connection is not None

        def snapshot() -> T:
            connection.execute("BEGIN")
            try:
                return job(connection)
            finally:
                connection.execute("COMMIT")

        return await asyncio.get_running_loop().run_in_executor(self._readers, snapshot)

    async def backlog(self) -> Backlog:
        return await self._read(reads.backlog)

    async def start(self, start: Start) -> Status | None:
        return await self._write(lambda c: writes.start_instance(c, start))

    async def post(self, message: Message) -> Status | None:
        return await self._write(lambda c: writes.post(c, message))

    async def load(self, instance_id: str, now: datetime) -> Loaded | None:
        return await self._read(lambda c: reads.load(c, instance_id, now))

    async def commit(self, *turns: Turn) -> frozenset[str]:
        return await self._write(lambda c: frozenset().union(*(writes.commit_turn(c, turn) for turn in turns)))

    async def load_entity(self, entity: str, limit: int) -> tuple[EntityStatus | None, tuple[Message, ...]]:
        return await self._read(lambda c: (reads.read_entity(c, entity), reads.read_inbox(c, entity, limit)))

    async def commit_entity(self, turn: EntityTurn) -> None:
        await self._write(lambda c: writes.commit_entity(c, turn))

    async def get(self, instance_id: str) -> InstanceStatus | None:
        return await self._read(lambda c: reads.read_instance(c, instance_id))

    async def history(self, instance_id: str) -> tuple[Event, ...]:
        return await self._read(lambda c: reads.read_history(c, instance_id))

    async def query(self, query: InstanceQuery) -> Page:
        return await self._read(lambda c: reads.read_query(c, query))

    async def entity(self, entity: str) -> EntityStatus | None:
        return await self._read(lambda c: reads.read_entity(c, entity))

    async def entities(self, query: EntityQuery) -> EntityPage:
        return await self._read(lambda c: reads.read_entities(c, query))

    async def purge(self, instance_ids: Sequence[str]) -> int:
        return await self._write(lambda c: sum(writes.purge(c, instance_id) for instance_id in instance_ids))


def _prepare(path: Path) -> int:
    """Make the file and its schema. Returns the descriptor that keeps other hosts out until it is closed."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    lock = _lock(path)
    try:
        _migrate(path)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _lock(path: Path) -> int:
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise RuntimeError(f"{path} is in use by another host: stop it, or use another data folder.") from error
    return lock


def _migrate(path: Path) -> None:
    connection = _connect(path)
    connection.executescript(SQL["schema"])
    connection.execute(SQL["put_meta"], {"key": "schema", "value": SCHEMA_VERSION})
    (found,) = connection.execute(SQL["get_meta"], {"key": "schema"}).fetchone()
    connection.close()
    if found != SCHEMA_VERSION:
        raise RuntimeError(f"{path} has schema {found}, this host needs {SCHEMA_VERSION}: use another data folder.")


def _connect(path: Path) -> Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA busy_timeout=10000")
    return connection
