"""What the SQLite store reads, on a connection that holds a snapshot."""

from __future__ import annotations

import base64
import heapq
import itertools
import json
import sqlite3
from datetime import datetime
from operator import itemgetter
from typing import Any

from host.model import EntityPage, EntityQuery, EntityStatus, Event, InstanceQuery, InstanceStatus, Page, Status
from host.store.base import Backlog, Loaded, Message, Timer, Waiting
from host.store.rows import event_of, events_of
from host.store.sqlite_rows import activity_of, entity_of, instance_of, micros, timer_of
from host.store.statements import SQL

Connection = sqlite3.Connection
EVERYTHING = -1
"""SQLite's LIMIT for no limit."""
END_OF_TIME = 2**62
"""Microseconds."""
_FOREIGN = "The continuation token is not one of this hub."


def backlog(c: Connection) -> Backlog:
    """What an earlier process left."""
    return Backlog(
        tuple(target for (target,) in c.execute(SQL["get_targets"])),
        tuple(activity_of(row) for row in c.execute(SQL["get_activities"])),
        tuple(timer_of(row) for row in c.execute(SQL["get_timers"])),
    )


def last_message(c: Connection) -> int:
    """Greatest ``seq`` in the inboxes; 0: they are empty."""
    (seq,) = c.execute(SQL["last_message"]).fetchone()
    return int(seq)


def find_instance(c: Connection, instance_id: str) -> tuple[int, Status] | None:
    """Its number and status; None: unknown."""
    row = c.execute(SQL["find_instance"], {"id": instance_id}).fetchone()
    return (row[0], Status(row[1])) if row else None


def read_instance(c: Connection, instance_id: str) -> InstanceStatus | None:
    """``Store.get``."""
    row = c.execute(SQL["get_instance"], {"id": instance_id}).fetchone()
    return instance_of(row) if row else None


def load(c: Connection, instance_id: str, now: datetime, *, history: bool) -> Loaded | None:
    """``Store.load``."""
    instance = read_instance(c, instance_id)
    if instance is None:
        return None
    return Loaded(
        instance,
        read_history(c, instance_id) if history else (),
        read_inbox(c, instance_id, EVERYTHING),
        _timers(c, instance_id, micros(now)),
        unread_history=not history and _has_history(c, instance_id),
    )


def waiting(c: Connection, instance_id: str) -> Waiting:
    """``Store.waiting``."""
    activities = c.execute(SQL["get_activities_of"], {"id": instance_id})
    return Waiting(
        _timers(c, instance_id, END_OF_TIME),
        tuple(activity_of(row) for row in activities),
        read_inbox(c, instance_id, EVERYTHING),
    )


def read_history(c: Connection, instance_id: str) -> tuple[Event, ...]:
    """``Store.history``."""
    rows = c.execute(SQL["get_history"], {"id": instance_id})
    return tuple(event for (text,) in rows for event in events_of(text))


def _has_history(c: Connection, instance_id: str) -> bool:
    (has,) = c.execute(SQL["has_history"], {"id": instance_id}).fetchone()
    return bool(has)


def read_inbox(c: Connection, target: str, top: int) -> tuple[Message, ...]:
    """The oldest ``top`` messages."""
    rows = c.execute(SQL["get_inbox"], {"target": target, "top": top})
    return tuple(Message(target, event_of(event), execution, seq) for seq, execution, event in rows)


def _timers(c: Connection, instance_id: str, until: int) -> tuple[Timer, ...]:
    return tuple(timer_of(row) for row in c.execute(SQL["get_timers_of"], {"id": instance_id, "until": until}))


def read_query(c: Connection, query: InstanceQuery) -> Page:
    """``Store.query``: one ordered run through the index for each status, merged."""
    bounds = _query_bounds(query)
    runs = [c.execute(SQL["query_instances"], bounds | {"status": status.value}) for status in query.statuses or Status]
    merged = heapq.merge(*runs, key=itemgetter(5, 0))  # created, id
    rows = list(merged if query.top is None else itertools.islice(merged, query.top + 1))
    items = tuple(instance_of(row) for row in rows[: query.top])
    more = len(rows) > len(items)
    return Page(items, _token(micros(items[-1].created), items[-1].instance_id) if more and items else None)


def read_ids(c: Connection, query: InstanceQuery, status: Status, top: int) -> tuple[list[str], str | None]:
    """The next ``top`` instances of that status, by time of creation, and the token that leads on; None: the end."""
    rows = c.execute(SQL["query_ids"], _query_bounds(query) | {"status": status.value, "top": top}).fetchall()
    return [instance_id for _, instance_id in rows], _token(*rows[-1]) if len(rows) == top else None


def _query_bounds(query: InstanceQuery) -> dict[str, object]:
    """Named parameters of a query, but for the status. Raises ValueError of a token that is none."""
    after = _token_of(query.token, int, str) if query.token else (-END_OF_TIME, "")
    if query.created_from is not None:
        after = max(after, (micros(query.created_from), ""))  # no id is empty: the bound itself comes after
    return {
        "after_created": after[0],
        "after_id": after[1],
        "created_to": END_OF_TIME if query.created_to is None else micros(query.created_to),
        "updated_to": END_OF_TIME if query.updated_to is None else micros(query.updated_to),
        "prefix": query.prefix,
    }


def read_entity(c: Connection, entity: str) -> EntityStatus | None:
    """``Store.entity``."""
    row = c.execute(SQL["get_entity"], {"id": entity}).fetchone()
    return entity_of(row) if row else None


def read_entities(c: Connection, query: EntityQuery) -> EntityPage:
    """``Store.entities``."""
    (after,) = _token_of(query.token, str) if query.token else ("",)
    rows = c.execute(
        SQL["query_entities"],
        {
            "after": after,
            "prefix": query.prefix,
            "name": query.name,
            "updated_from": query.updated_from and micros(query.updated_from),
            "updated_to": query.updated_to and micros(query.updated_to),
            "top": EVERYTHING if query.top is None else query.top + 1,
        },
    ).fetchall()
    shown = rows[: query.top]
    more = len(rows) > len(shown)
    return EntityPage(tuple(entity_of(row) for row in shown), _token(shown[-1][0]) if more and shown else None)


def _token(*values: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


def _token_of(token: str, *kinds: type) -> tuple[Any, ...]:
    """Raises ValueError unless the token holds values of these types."""
    try:
        values = tuple(json.loads(base64.urlsafe_b64decode(token)))
    except (ValueError, TypeError) as error:
        raise ValueError(_FOREIGN) from error
    if tuple(map(type, values)) != kinds:
        raise ValueError(_FOREIGN)
    return values
