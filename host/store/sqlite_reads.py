"""What the SQLite store reads, on a connection that holds a snapshot."""

from __future__ import annotations

import base64
import json
import sqlite3
from datetime import datetime
from typing import Any

from host.model import EntityPage, EntityQuery, EntityStatus, Event, InstanceQuery, InstanceStatus, Page, Status
from host.store.base import Backlog, Loaded, Message
from host.store.rows import event_of
from host.store.sqlite_rows import activity_of, entity_of, instance_of, micros, timer_of
from host.store.statements import SQL

Connection = sqlite3.Connection
EVERYTHING = -1
"""SQLite's LIMIT for no limit."""


def backlog(c: Connection) -> Backlog:
    """What an earlier process left."""
    return Backlog(
        tuple(target for (target,) in c.execute(SQL["get_targets"])),
        tuple(activity_of(row) for row in c.execute(SQL["get_activities"])),
        tuple(timer_of(row) for row in c.execute(SQL["get_timers"])),
    )


def read_status(c: Connection, instance_id: str) -> Status | None:
    """None: unknown."""
    row = c.execute(SQL["get_status"], {"id": instance_id}).fetchone()
    return Status(row[0]) if row else None


def read_instance(c: Connection, instance_id: str) -> InstanceStatus | None:
    """``Store.get``."""
    row = c.execute(SQL["get_instance"], {"id": instance_id}).fetchone()
    return instance_of(row) if row else None


def load(c: Connection, instance_id: str, now: datetime) -> Loaded | None:
    """``Store.load``."""
    instance = read_instance(c, instance_id)
    if instance is None:
        return None
    due = c.execute(SQL["get_due"], {"id": instance_id, "now": micros(now)})
    return Loaded(
        instance,
        read_history(c, instance_id),
        read_inbox(c, instance_id, EVERYTHING),
        tuple(timer_of(row) for row in due),
    )


def read_history(c: Connection, instance_id: str) -> tuple[Event, ...]:
    """``Store.history``."""
    return tuple(event_of(text) for (text,) in c.execute(SQL["get_history"], {"id": instance_id}))


def read_inbox(c: Connection, target: str, top: int) -> tuple[Message, ...]:
    """The oldest ``top`` messages."""
    rows = c.execute(SQL["get_inbox"], {"target": target, "top": top})
    return tuple(Message(target, event_of(event), execution, seq) for seq, target, execution, event in rows)


def read_query(c: Connection, query: InstanceQuery) -> Page:
    """``Store.query``."""
    after_created, after_id = _token_of(query.token) if query.token else (-(2**62), "")
    rows = c.execute(
        SQL["query_instances"],
        {
            "after_created": after_created,
            "after_id": after_id,
            "statuses": json.dumps(sorted(query.statuses)) if query.statuses else None,
            "created_from": micros(query.created_from),
            "created_to": micros(query.created_to),
            "prefix": query.prefix,
            "top": EVERYTHING if query.top is None else query.top + 1,
        },
    ).fetchall()
    items = tuple(instance_of(row) for row in rows[: query.top])
    more = len(rows) > len(items)
    return Page(items, _token(micros(items[-1].created), items[-1].instance_id) if more and items else None)


def read_entity(c: Connection, entity: str) -> EntityStatus | None:
    """``Store.entity``."""
    row = c.execute(SQL["get_entity"], {"id": entity}).fetchone()
    return entity_of(row) if row else None


def read_entities(c: Connection, query: EntityQuery) -> EntityPage:
    """``Store.entities``."""
    (after,) = _token_of(query.token) if query.token else ("",)
    rows = c.execute(
        SQL["query_entities"],
        {
            "after": after,
            "name": query.name,
            "updated_from": micros(query.updated_from),
            "updated_to": micros(query.updated_to),
            "top": EVERYTHING if query.top is None else query.top + 1,
        },
    ).fetchall()
    shown = rows[: query.top]
    more = len(rows) > len(shown)
    return EntityPage(tuple(entity_of(row) for row in shown), _token(shown[-1][0]) if more and shown else None)


def _token(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


def _token_of(token: str) -> tuple[Any, ...]:
    try:
        return tuple(json.loads(base64.urlsafe_b64decode(token)))
    except ValueError as error:
        raise ValueError("The continuation token is not one of this hub.") from error
