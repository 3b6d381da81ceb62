"""What the SQLite store writes; each function is one job of the writer's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from host.model import InstanceStatus, Status
from host.store.base import EntityTurn, Message, Start, Turn
from host.store.rows import event_text, events_text
from host.store.sqlite_reads import find_instance
from host.store.sqlite_rows import activity_row, instance_row, key_row, micros, timer_row
from host.store.statements import SQL

Connection = sqlite3.Connection
WORK = ("delete_timers", "delete_activities")


class Mail:
    """What one job puts into inboxes.

    ``order`` gives each message its ``seq``. It counts in memory, since one host holds a file: a number is not used
    twice.
    """

    def __init__(self, order: Iterator[int]) -> None:
        self.put: list[Message] = []
        self._order = order

    def add(self, c: Connection, message: Message) -> None:
        """Put a message into the inbox of one that is there."""
        numbered = Message(message.target, message.event, message.execution, next(self._order))
        event = event_text(message.event)
        row = {"target": message.target, "seq": numbered.seq, "execution": message.execution, "event": event}
        c.execute(SQL["add_message"], row)
        self.put.append(numbered)


def start_instance(c: Connection, start: Start, mail: Mail) -> Status | None:
    """``Store.start``."""
    instance = start.instance
    if (known := find_instance(c, instance.instance_id)) is not None:
        number, status = known
        if not (status.ended and start.replace_ended):
            return status
        _forget(c, number, instance.instance_id)
    added = c.execute(SQL["add_instance"], instance_row(instance))
    if instance.input is not None:
        c.execute(SQL["put_input"], {"number": added.lastrowid, "input": instance.input})
    mail.add(c, Message(instance.instance_id, start.event, instance.execution_id))
    return None


def post(c: Connection, message: Message, mail: Mail) -> Status | None:
    """``Store.post``."""
    if message.target.startswith("@"):
        mail.add(c, message)
        return Status.RUNNING
    known = find_instance(c, message.target)
    if known is None:
        return None
    _, status = known
    if not status.ended:
        mail.add(c, message)
    return status


def commit_turn(c: Connection, turn: Turn, mail: Mail) -> frozenset[str]:
    """One turn of ``Store.commit``."""
    instance_id = turn.instance.instance_id
    if (known := find_instance(c, instance_id)) is None:
        return frozenset()
    number, status = known
    if turn.replace_history:
        _clear(c, number, "delete_history", "delete_input", *WORK)
        if turn.instance.input is not None:
            c.execute(SQL["put_input"], {"number": number, "input": turn.instance.input})
    _update(c, number, status, turn.instance)
    if turn.append:
        c.execute(SQL["add_history"], {"number": number, "events": events_text(turn.append)})
    _each(c, "delete_message", [{"target": instance_id, "seq": seq} for seq in turn.consumed])
    _each(c, "delete_activity", [key_row(number, key) for key in turn.ended_activities])
    _each(c, "delete_timer", [{"number": number, "task": task} for task in turn.ended_timers])
    if turn.instance.status.ended:
        _clear(c, number, *WORK)
        c.execute(SQL["delete_inbox"], {"target": instance_id})
    _each(c, "add_activity", [activity_row(number, activity) for activity in turn.activities])
    _each(c, "add_timer", [timer_row(number, timer) for timer in turn.timers])
    refused = frozenset(start.instance.instance_id for start in turn.starts if not _started(c, start, mail))
    for message in turn.messages:
        post(c, message, mail)
    return refused


def _update(c: Connection, number: int, status: Status, instance: InstanceStatus) -> None:
    """An assignment to the status, even of what it was, would write its index anew."""
    row = instance_row(instance) | {"number": number}
    c.execute(SQL["update_instance"], row)
    if instance.status is not status:
        c.execute(SQL["update_status"], row)


def _started(c: Connection, start: Start, mail: Mail) -> bool:
    if start_instance(c, start, mail) is None:
        return True
    if start.if_running is not None:
        post(c, start.if_running, mail)
    return False


def commit_entity(c: Connection, turn: EntityTurn, mail: Mail) -> None:
    """``Store.commit_entity``."""
    if turn.status is None:
        c.execute(SQL["delete_entity"], {"id": turn.entity})
    else:
        status = turn.status
        row = {"id": turn.entity, "name": status.name, "state": status.state, "updated": micros(status.updated)}
        c.execute(SQL["put_entity"], row)
    _each(c, "delete_message", [{"target": turn.entity, "seq": seq} for seq in turn.consumed])
    for message in turn.messages:
        post(c, message, mail)


def touch(c: Connection) -> None:
    """Write what means nothing, to learn whether the file can be written."""
    c.execute(SQL["touch"])


def purge(c: Connection, instance_id: str) -> bool:
    """One instance of ``Store.purge``: whether it had ended."""
    known = find_instance(c, instance_id)
    if known is None or not known[1].ended:
        return False
    _forget(c, known[0], instance_id)
    return True


def _forget(c: Connection, number: int, instance_id: str) -> None:
    _clear(c, number, "delete_instance", "delete_input", "delete_history", *WORK)
    c.execute(SQL["delete_inbox"], {"target": instance_id})


def _clear(c: Connection, number: int, *statements: str) -> None:
    for statement in statements:
        c.execute(SQL[statement], {"number": number})


def _each(c: Connection, statement: str, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        c.executemany(SQL[statement], rows)
