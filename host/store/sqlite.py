"""The durable store: one SQLite file in WAL mode, synced at every commit, readable by its owner alone."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from host.model import EntityPage, EntityQuery, EntityStatus, Event, InstanceQuery, InstanceStatus, Page, Parent, Status
from host.store.base import Activity, ActivityKey, Backlog, EntityTurn, Loaded, Message, Start, Timer, Turn
from host.store.rows import event_of, event_text, failure_of
from host.store.statements import SQL
from host.store.writer import Writer

SCHEMA_VERSION = "1"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVERYTHING = -1
"""SQLite's LIMIT for no limit."""
T = TypeVar("T")
Connection = sqlite3.Connection
Row = tuple[Any, ...]


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
        return await self._read(
            lambda c: Backlog(
                tuple(target for (target,) in c.execute(SQL["get_targets"])),
                tuple(_activity(row) for row in c.execute(SQL["get_activities"])),
                tuple(_timer(row) for row in c.execute(SQL["get_timers"])),
            )
        )

    async def start(self, start: Start) -> Status | None:
        return await self._write(lambda c: _start(c, start))

    async def post(self, message: Message) -> Status | None:
        return await self._write(lambda c: _post(c, message))

    async def load(self, instance_id: str, now: datetime) -> Loaded | None:
        return await self._read(lambda c: _load(c, instance_id, now))

    async def commit(self, *turns: Turn) -> frozenset[str]:
        return await self._write(lambda c: frozenset().union(*(_commit(c, turn) for turn in turns)))

    async def load_entity(self, entity: str, limit: int) -> tuple[EntityStatus | None, tuple[Message, ...]]:
        return await self._read(lambda c: (_entity(c, entity), _inbox(c, entity, limit)))

    async def commit_entity(self, turn: EntityTurn) -> None:
        await self._write(lambda c: _commit_entity(c, turn))

    async def get(self, instance_id: str) -> InstanceStatus | None:
        return await self._read(lambda c: _get(c, instance_id))

    async def history(self, instance_id: str) -> tuple[Event, ...]:
        return await self._read(lambda c: _history(c, instance_id))

    async def query(self, query: InstanceQuery) -> Page:
        return await self._read(lambda c: _query(c, query))

    async def entity(self, entity: str) -> EntityStatus | None:
        return await self._read(lambda c: _entity(c, entity))

    async def entities(self, query: EntityQuery) -> EntityPage:
        return await self._read(lambda c: _entities(c, query))

    async def purge(self, instance_ids: Sequence[str]) -> int:
        return await self._write(lambda c: sum(_purge(c, instance_id) for instance_id in instance_ids))


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


# --- writes -----------------------------------------------------------------------------------------------------------


def _start(c: Connection, start: Start) -> Status | None:
    instance_id = start.instance.instance_id
    if (status := _status(c, instance_id)) is not None:
        if not (status.ended and start.replace_ended):
            return status
        _forget(c, instance_id)
    c.execute(SQL["put_instance"], _instance_row(start.instance))
    _put(c, Message(instance_id, start.event, start.instance.execution_id))
    return None


def _post(c: Connection, message: Message) -> Status | None:
    if message.target.startswith("@"):
        _put(c, message)
        return Status.RUNNING
    status = _status(c, message.target)
    if status is not None and not status.ended:
        _put(c, message)
    return status


def _put(c: Connection, message: Message) -> None:
    row = {"target": message.target, "execution": message.execution, "event": event_text(message.event)}
    c.execute(SQL["add_message"], row)


def _commit(c: Connection, turn: Turn) -> frozenset[str]:
    instance_id = turn.instance.instance_id
    if _status(c, instance_id) is None:
        return frozenset()
    if turn.replace_history:
        _clear(c, "delete_history", "delete_timers", "delete_activities", instance_id=instance_id)
    c.execute(SQL["put_instance"], _instance_row(turn.instance))
    _append(c, instance_id, turn.append)
    c.executemany(SQL["delete_message"], [{"seq": seq} for seq in turn.consumed])
    c.executemany(SQL["delete_activity"], [_key_row(key) for key in turn.ended_activities])
    c.executemany(SQL["delete_timer"], [{"instance": instance_id, "task": task} for task in turn.ended_timers])
    if turn.instance.status.ended:
        _clear(c, "delete_inbox", "delete_timers", "delete_activities", instance_id=instance_id)
    c.executemany(SQL["add_activity"], [_activity_row(activity) for activity in turn.activities])
    c.executemany(SQL["add_timer"], [_timer_row(timer) for timer in turn.timers])
    refused = frozenset(start.instance.instance_id for start in turn.starts if not _started(c, start))
    for message in turn.messages:
        _post(c, message)
    return refused


def _append(c: Connection, instance_id: str, events: Sequence[Event]) -> None:
    if events:
        (first,) = c.execute(SQL["next_seq"], {"id": instance_id}).fetchone()
        rows = [
            {"instance": instance_id, "seq": seq, "event": event_text(event)} for seq, event in enumerate(events, first)
        ]
        c.executemany(SQL["add_history"], rows)


def _started(c: Connection, start: Start) -> bool:
    if _start(c, start) is None:
        return True
    if start.if_running is not None:
        _post(c, start.if_running)
    return False


def _commit_entity(c: Connection, turn: EntityTurn) -> None:
    if turn.status is None:
        c.execute(SQL["delete_entity"], {"id": turn.entity})
    else:
        status = turn.status
        row = {"id": turn.entity, "name": status.name, "state": status.state, "updated": _micros(status.updated)}
        c.execute(SQL["put_entity"], row)
    c.executemany(SQL["delete_message"], [{"seq": seq} for seq in turn.consumed])
    for message in turn.messages:
        _post(c, message)


def _purge(c: Connection, instance_id: str) -> bool:
    status = _status(c, instance_id)
    if status is None or not status.ended:
        return False
    _forget(c, instance_id)
    return True


def _forget(c: Connection, instance_id: str) -> None:
    _clear(
        c,
        "delete_instance",
        "delete_history",
        "delete_inbox",
        "delete_timers",
        "delete_activities",
        instance_id=instance_id,
    )


def _clear(c: Connection, *statements: str, instance_id: str) -> None:
    for statement in statements:
        c.execute(SQL[statement], {"id": instance_id})


# --- reads ------------------------------------------------------------------------------------------------------------


def _status(c: Connection, instance_id: str) -> Status | None:
    row = c.execute(SQL["get_status"], {"id": instance_id}).fetchone()
    return Status(row[0]) if row else None


def _get(c: Connection, instance_id: str) -> InstanceStatus | None:
    row = c.execute(SQL["get_instance"], {"id": instance_id}).fetchone()
    return _instance(row) if row else None


def _load(c: Connection, instance_id: str, now: datetime) -> Loaded | None:
    instance = _get(c, instance_id)
    if instance is None:
        return None
    due = c.execute(SQL["get_due"], {"id": instance_id, "now": _micros(now)})
    return Loaded(
        instance,
        _history(c, instance_id),
        _inbox(c, instance_id, EVERYTHING),
        tuple(_timer(row) for row in due),
    )


def _history(c: Connection, instance_id: str) -> tuple[Event, ...]:
    return tuple(event_of(text) for (text,) in c.execute(SQL["get_history"], {"id": instance_id}))


def _inbox(c: Connection, target: str, top: int) -> tuple[Message, ...]:
    rows = c.execute(SQL["get_inbox"], {"target": target, "top": top})
    return tuple(Message(target, event_of(event), execution, seq) for seq, target, execution, event in rows)


def _query(c: Connection, query: InstanceQuery) -> Page:
    after_created, after_id = _token_of(query.token) if query.token else (-(2**62), "")
    rows = c.execute(
        SQL["query_instances"],
        {
            "after_created": after_created,
            "after_id": after_id,
            "statuses": json.dumps(sorted(query.statuses)) if query.statuses else None,
            "created_from": _micros(query.created_from),
            "created_to": _micros(query.created_to),
            "prefix": query.prefix,
            "top": EVERYTHING if query.top is None else query.top + 1,
        },
    ).fetchall()
    items = tuple(_instance(row) for row in rows[: query.top])
    more = len(rows) > len(items)
    return Page(items, _token(_micros(items[-1].created), items[-1].instance_id) if more and items else None)


def _entity(c: Connection, entity: str) -> EntityStatus | None:
    row = c.execute(SQL["get_entity"], {"id": entity}).fetchone()
    return _entity_status(row) if row else None


def _entities(c: Connection, query: EntityQuery) -> EntityPage:
    (after,) = _token_of(query.token) if query.token else ("",)
    rows = c.execute(
        SQL["query_entities"],
        {
            "after": after,
            "name": query.name,
            "updated_from": _micros(query.updated_from),
            "updated_to": _micros(query.updated_to),
            "top": EVERYTHING if query.top is None else query.top + 1,
        },
    ).fetchall()
    shown = rows[: query.top]
    more = len(rows) > len(shown)
    return EntityPage(tuple(_entity_status(row) for row in shown), _token(shown[-1][0]) if more and shown else None)


def _token(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


def _token_of(token: str) -> tuple[Any, ...]:
    try:
        return tuple(json.loads(base64.urlsafe_b64decode(token)))
    except ValueError as error:
        raise ValueError("The continuation token is not one of this hub.") from error


# --- rows -------------------------------------------------------------------------------------------------------------


def _micros(when: datetime | None) -> int | None:
    return None if when is None else (when - EPOCH) // timedelta(microseconds=1)


def _time(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(astuple(value))


def _instance_row(instance: InstanceStatus) -> dict[str, Any]:
    return {
        "id": instance.instance_id,
        "execution": instance.execution_id,
        "name": instance.name,
        "version": instance.version,
        "status": instance.status,
        "created": _micros(instance.created),
        "updated": _micros(instance.updated),
        "input": instance.input,
        "output": instance.output,
        "custom_status": instance.custom_status,
        "parent": _json(instance.parent),
        "traceparent": instance.traceparent,
        "failure": _json(instance.failure),
        "waits": json.dumps(dict(instance.waits)),
        "blocked": instance.blocked,
    }


def _instance(row: Row) -> InstanceStatus:
    return InstanceStatus(
        instance_id=row[0],
        execution_id=row[1],
        name=row[2],
        version=row[3],
        status=Status(row[4]),
        created=_time(row[5]),
        updated=_time(row[6]),
        input=row[7],
        output=row[8],
        custom_status=row[9],
        parent=Parent(*json.loads(row[10])) if row[10] else None,
        traceparent=row[11],
        failure=failure_of(json.loads(row[12])) if row[12] else None,
        waits=json.loads(row[13]),
        blocked=row[14],
    )


def _entity_status(row: Row) -> EntityStatus:
    name, _, key = row[0][1:].partition("@")
    return EntityStatus(name=name, key=key, state=row[1], updated=_time(row[2]))


def _key_row(key: ActivityKey) -> dict[str, Any]:
    return {"instance": key.instance, "execution": key.execution, "task": key.task}


def _activity_row(activity: Activity) -> dict[str, Any]:
    more = {"name": activity.name, "input": activity.input, "traceparent": activity.traceparent}
    return _key_row(activity.key) | more


def _activity(row: Row) -> Activity:
    return Activity(ActivityKey(row[0], row[1], row[2]), row[3], row[4], row[5])


def _timer_row(timer: Timer) -> dict[str, Any]:
    return {
        "instance": timer.instance,
        "task": timer.task,
        "execution": timer.execution,
        "due": _micros(timer.due),
    }


def _timer(row: Row) -> Timer:
    return Timer(row[0], row[1], row[2], _time(row[3]))
