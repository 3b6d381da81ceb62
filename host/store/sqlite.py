"""The durable store: one SQLite file in WAL mode, synced at every commit, readable by its owner alone."""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from host import forks
from host.model import EntityPage, EntityQuery, EntityStatus, Event, InstanceQuery, InstanceStatus, Page, Status
from host.store import sqlite_reads as reads
from host.store import sqlite_writes as writes
from host.store.base import Backlog, EntityTurn, Loaded, Message, Start, Turn, Waiting
from host.store.faults import DAMAGED, fault_of
from host.store.healing import Healing
from host.store.link import Link, connect
from host.store.live import Live
from host.store.migrations import migrate
from host.store.reader import Reader
from host.store.sqlite_writes import Mail
from host.store.writer import Writer

PURGED_AT_ONCE = 50
"""Instances in one transaction of ``purge_where``: turns wait for no more than that."""
END_OF_TIME = datetime.max.replace(tzinfo=UTC)
T = TypeVar("T")
C = TypeVar("C")
Connection = sqlite3.Connection
_Written = tuple[list[tuple[frozenset[str], Mail]], list[Loaded | None]]
"""Of each turn, the refused starts and what went into inboxes; and instances as they are then."""


class SqliteStore:
    """``path`` of the database file; its folder is made if need be.

    ``busy_seconds``: how long a call waits for another program that holds a lock; ``heal_seconds``: how long after a
    fault it is tried whether it is over.
    """

    def __init__(self, path: Path, *, busy_seconds: float = 10.0, heal_seconds: float = 10.0) -> None:
        self._path = path
        self._connect = partial(connect, path, busy_seconds)
        self._damaged = threading.Event()
        self._writing = Link(self._connect, self._damaged, checks=True)
        self._reading = Link(self._connect, self._damaged, checks=False)
        self._writer: Writer | None = None
        self._reader: Reader | None = None
        self._order = itertools.count(1)
        self._live = Live()
        self._healing = Healing(heal_seconds, lambda: self.fault, self._attempt)
        self._lock = -1

    @property
    def fault(self) -> str | None:
        return DAMAGED if self._damaged.is_set() else self._writing.fault or self._reading.fault

    async def open(self) -> None:
        self._lock, last = await asyncio.to_thread(_prepare, self._path, self._connect)
        forks.keep(self._lock)
        self._order = itertools.count(last + 1)
        self._writer = Writer(self._writing, self._live.clear)
        self._reader = Reader(self._reading)

    async def close(self) -> None:
        assert self._writer is not None
        assert self._reader is not None
        await self._healing.stop()
        await self._writer.close()
        await self._reader.close()
        forks.drop(self._lock)
        os.close(self._lock)

    async def _write(self, job: Callable[[Connection], T], done: Callable[[T], None] = lambda _: None) -> T:
        assert self._writer is not None
        try:
            return await self._writer.run(job, done)
        except sqlite3.Error:
            self._healing.begin()
            raise

    def _mailing(self, write: Callable[[Connection, C, Mail], T], change: C) -> Callable[[Connection], tuple[T, Mail]]:
        """A job whose mail is its own at each run."""

        def job(connection: Connection) -> tuple[T, Mail]:
            mail = Mail(self._order)
            return write(connection, change, mail), mail

        return job

    def _posted(self, done: tuple[object, Mail]) -> None:
        self._live.posted(done[1].put)

    async def _read(self, job: Callable[[Connection], T]) -> T:
        assert self._reader is not None
        try:
            return await self._reader.run(job)
        except sqlite3.Error:
            self._healing.begin()
            raise

    async def _attempt(self) -> None:
        await self._write(writes.touch)
        await self._read(reads.last_message)

    async def backlog(self) -> Backlog:
        return await self._read(reads.backlog)

    async def start(self, start: Start) -> Status | None:
        def created(done: tuple[Status | None, Mail]) -> None:
            status, mail = done
            if status is None:
                self._live.started(start.instance)
            self._live.posted(mail.put)

        return (await self._write(self._mailing(writes.start_instance, start), created))[0]

    async def post(self, message: Message) -> Status | None:
        return (await self._write(self._mailing(writes.post, message), self._posted))[0]

    async def load(self, instance_id: str, now: datetime, *, history: bool = True) -> Loaded | None:
        if (known := self._live.load(instance_id, now, history=history)) is not None:
            return known
        return await self._read(lambda c: reads.load(c, instance_id, now, history=history))

    async def waiting(self, instance_id: str) -> Waiting:
        return await self._read(lambda c: reads.waiting(c, instance_id))

    async def commit(self, *turns: Turn) -> frozenset[str]:
        jobs = [self._mailing(writes.commit_turn, turn) for turn in turns]
        wanted = [turn.instance.instance_id for turn in turns if self._live.wants(turn)]

        def write(c: Connection) -> _Written:
            return [job(c) for job in jobs], [reads.load(c, each, END_OF_TIME, history=False) for each in wanted]

        def written(done: _Written) -> None:
            changes, read = done
            for turn, (refused, mail) in zip(turns, changes, strict=True):
                self._live.turned(turn, refused)
                self._live.posted(mail.put)
            for loaded in read:
                self._live.read(loaded)

        changes, _ = await self._write(write, written)
        return frozenset().union(*(refused for refused, _ in changes))

    async def load_entity(self, entity: str, limit: int) -> tuple[EntityStatus | None, tuple[Message, ...]]:
        return await self._read(lambda c: (reads.read_entity(c, entity), reads.read_inbox(c, entity, limit)))

    async def commit_entity(self, turn: EntityTurn) -> None:
        await self._write(self._mailing(writes.commit_entity, turn), self._posted)

    async def get(self, instance_id: str) -> InstanceStatus | None:
        return await self._read(lambda c: reads.read_instance(c, instance_id))

    def lives(self, instance_id: str) -> bool:
        return self._live.knows(instance_id)

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

    async def purge_where(self, query: InstanceQuery) -> int:
        return sum([await self._purge(query, status) for status in query.statuses or Status if status.ended])

    async def _purge(self, query: InstanceQuery, status: Status) -> int:
        purged, token = 0, None
        while True:
            page = replace(query, token=token)
            ids, token = await self._read(partial(reads.read_ids, query=page, status=status, top=PURGED_AT_ONCE))
            purged += await self.purge(ids) if ids else 0
            if token is None:
                return purged


def _prepare(path: Path, connect: Callable[[], Connection]) -> tuple[int, int]:
    """Make the file and its schema.

    Returns the descriptor that keeps other hosts out until it is closed, and the greatest ``seq`` in the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    lock = _lock(path)
    try:
        with closing(connect()) as connection:
            migrate(connection, path)
            return lock, reads.last_message(connection)
    except BaseException as error:
        os.close(lock)
        if isinstance(error, sqlite3.Error):
            raise RuntimeError(f"{path} cannot be used: {fault_of(error) or type(error).__name__}.") from error
        raise


def _lock(path: Path) -> int:
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise RuntimeError(f"{path} is in use by another host: stop it, or use another data folder.") from error
    return lock
