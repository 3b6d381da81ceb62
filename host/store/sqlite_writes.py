"""What the SQLite store writes; each function is one job of the writer's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from host.model import Event, Status
from host.store.base import EntityTurn, Message, Start, Turn
from host.store.rows import event_text
from host.store.sqlite_reads import read_status
from host.store.sqlite_rows import activity_row, instance_row, key_row, micros, timer_row
from host.store.statements import SQL

Connection = sqlite3.Connection


def start_instance(c: Connection, start: Start) -> Status | None:
    """``Store.start``."""
    instance_id = start.instance.instance_id
    if (status := read_status(c, instance_id)) is not None:
        if not (status.ended and start.replace_ended):
            return status
        _forget(c, instance_id)
    c.execute(SQL["put_instance"], instance_row(start.instance))
    _put(c, Message(instance_id, start.event, start.instance.execution_id))
    return None


def post(c: Connection, message: Message) -> Status | None:
    """``Store.post``."""
    if message.target.startswith("@"):
        _put(c, message)
        return Status.RUNNING
    status = read_status(c, message.target)
    if status is not None and not status.ended:
        _put(c, message)
    return status


def _put(c: Connection, message: Message) -> None:
    row = {"target": message.target, "execution": message.execution, "event": event_text(message.event)}
    c.execute(SQL["add_message"], row)


def commit_turn(c: Connection, turn: Turn) -> frozenset[str]:
    """One turn of ``Store.commit``."""
    instance_id = turn.instance.instance_id
    if read_status(c, instance_id) is None:
        return frozenset()
    if turn.replace_history:
        _clear(c, "delete_history", "delete_timers", "delete_activities", instance_id=instance_id)
    c.execute(SQL["put_instance"], instance_row(turn.instance))
    _append(c, instance_id, turn.append)
    c.executemany(SQL["delete_message"], [{"seq": seq} for seq in turn.consumed])
    c.executemany(SQL["delete_activity"], [key_row(key) for key in turn.ended_activities])
    c.executemany(SQL["delete_timer"], [{"instance": instance_id, "task": task} for task in turn.ended_timers])
    if turn.instance.status.ended:
        _clear(c, "delete_inbox", "delete_timers", "delete_activities", instance_id=instance_id)
    c.executemany(SQL["add_activity"], [activity_row(activity) for activity in turn.activities])
    c.executemany(SQL["add_timer"], [timer_row(timer) for timer in turn.timers])
    refused = frozenset(start.instance.instance_id for start in turn.starts if not _started(c, start))
    for message in turn.messages:
        post(c, message)
    return refused


def _append(c: Connection, instance_id: str, events: Sequence[Event]) -> None:
    if events:
        (first,) = c.execute(SQL["next_seq"], {"id": instance_id}).fetchone()
        rows = [
            {"instance": instance_id, "seq": seq, "event": event_text(event)} for seq, event in enumerate(events, first)
        ]
        c.executemany(SQL["add_history"], rows)


def _started(c: Connection, start: Start) -> bool:
    if start_instance(c, start) is None:
        return True
    if start.if_running is not None:
        post(c, start.if_running)
    return False


def commit_entity(c: Connection, turn: EntityTurn) -> None:
    """``Store.commit_entity``."""
    if turn.status is None:
        c.execute(SQL["delete_entity"], {"id": turn.entity})
    else:
        status = turn.status
        row = {"id": turn.entity, "name": status.name, "state": status.state, "updated": micros(status.updated)}
        c.execute(SQL["put_entity"], row)
    c.executemany(SQL["delete_message"], [{"seq": seq} for seq in turn.consumed])
    for message in turn.messages:
        post(c, message)


def purge(c: Connection, instance_id: str) -> bool:
    """One instance of ``Store.purge``: whether it had ended."""
    status = read_status(c, instance_id)
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
