"""The case board: a read model of ``prior-authorization.events`` in SQLite. It can be deleted and rebuilt at any time.

A row is a pure function of the *set* of its case's events, so that copies, disorder and restarts change nothing. Events
and the offset after them are stored in one transaction: each counts once, wherever a crash falls.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from adapters.events.base import Log, Record
from domain.cases import CaseState
from domain.errors import Malformed
from domain.events import data
from domain.events.catalog import BY_NAME, DECIDED, EXPIRED, INFORMATION_REQUESTED, PENDED, RECEIVED, Topic
from domain.events.cloud_event import read_attributes, read_data
from domain.facts import LineOfBusiness, Urgency
from events.errors import EventsError

VERSION: Final = 1
"""Of the tables: a file of another version is built anew."""
BATCH: Final = 500
_SCHEMA: Final = """
create table event (source text, id text, case_id text not null, at text not null, type text not null,
                    data text not null, primary key (source, id)) without rowid;
create index event_case on event (case_id);
create table board (case_id text primary key, state text not null, submitter text, line_of_business text, urgency text,
                    received_at text, due text, decided_at text, appeals text, last_event text not null,
                    last_at text not null);
create table unreadable (partition integer, "offset" integer, reason text not null, primary key (partition, "offset"));
create table position (partition integer primary key, next integer not null);
"""
_ORDER: Final = {
    event.name: rank for rank, event in enumerate((RECEIVED, PENDED, INFORMATION_REQUESTED, EXPIRED, DECIDED))
}
"""The events that the board is made of; which is later where two say the same instant."""


class Happened(NamedTuple):
    """One event of a case."""

    at: datetime
    rank: int
    id: str
    type: str
    data: Any


@dataclass(frozen=True, slots=True)
class Row:
    """A case."""

    case: str
    state: str
    """A code of ``CaseState``."""
    submitter: str | None
    line_of_business: LineOfBusiness | None
    urgency: Urgency | None
    received_at: datetime | None
    due: datetime | None
    decided_at: datetime | None
    appeals: str | None
    """The case that this one appeals."""
    last_event: str
    last_at: datetime

    @property
    def hours(self) -> float | None:
        """From receipt to decision."""
        if self.received_at is None or self.decided_at is None:
            return None
        return (self.decided_at - self.received_at).total_seconds() / 3600

    @property
    def on_time(self) -> bool | None:
        """Whether the decision came by the deadline; ``None`` while that is open."""
        if self.decided_at is None:
            return False if self.state in (CaseState.DEEMED, CaseState.OVERDUE) else None
        return None if self.due is None else self.decided_at <= self.due


class Board:
    """The read model in the file ``path``, which only its owner may read."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
        self._db.execute("pragma synchronous = full")
        self._prepare()

    async def update(self, log: Log, topic: str = Topic.EVENTS) -> int:
        """Take what is new in the log; returns how many records. Raises ``EventsError`` and what ``Log`` raises."""
        taken = 0
        for partition, (first, end) in sorted((await log.bounds(topic)).items()):
            start = max(self._next(partition), first)
            if start > end:
                raise EventsError(f"{topic} was made anew since the board read it: rebuild the board (REBUILD=1).")
            while start < end:
                records = await log.read(topic, partition, start, end, BATCH)
                start = records[-1].at.offset + 1 if records else end
                self._take(partition, records, start)
                taken += len(records)
        return taken

    def rows(self) -> list[Row]:
        """Every case, by id."""
        names = [field.name for field in fields(Row)]
        found = self._db.execute("select * from board order by case_id").fetchall()
        return [_row(dict(zip(names, each, strict=True))) for each in found]

    def unreadable(self) -> int:
        """How many records of the topic said nothing that the board knows how to read."""
        (count,) = self._db.execute("select count(*) from unreadable").fetchone()
        return int(count)

    def forget(self) -> None:
        """Drop everything: the next update reads from the first record that the topic still has."""
        self._db.execute("begin immediate")
        tables = self._db.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (name,) in tables:
            self._db.execute(f"drop table {name}")
        for statement in filter(None, map(str.strip, _SCHEMA.split(";"))):
            self._db.execute(statement)
        self._db.execute(f"pragma user_version = {VERSION}")
        self._db.execute("commit")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _prepare(self) -> None:
        if self._db.execute("pragma user_version").fetchone() != (VERSION,):
            self.forget()

    def _next(self, partition: int) -> int:
        found = self._db.execute("select next from position where partition = ?", (partition,)).fetchone()
        return int(found[0]) if found else 0

    def _take(self, partition: int, records: Sequence[Record], upto: int) -> None:
        """One transaction: the events, the rows that they change and the offset after them."""
        with self._db:
            self._db.execute("begin immediate")
            for case in sorted({case for record in records if (case := self._keep(record))}):
                row = fold(case, self._events(case))
                self._db.execute("replace into board values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _stored(row))
            self._db.execute(
                "insert into position values (?, ?) on conflict do update set next = max(next, excluded.next)",
                (partition, upto),
            )

    def _keep(self, record: Record) -> str | None:
        """Store one event; returns its case if it is one of those that make the board and no copy of a known one."""
        if record.value is None:
            return None
        try:
            attributes = read_attributes(record.headers)
            if attributes.type not in _ORDER:
                return None
            said = read_data(record.value, BY_NAME[attributes.type].data)
        except Malformed as error:
            place = (record.at.partition, record.at.offset, error.code)
            self._db.execute("insert or ignore into unreadable values (?, ?, ?)", place)
            return None
        at = (attributes.time or record.appended).astimezone(UTC)
        row = (attributes.source, attributes.id, said.case, at.isoformat(), attributes.type, said.model_dump_json())
        kept = self._db.execute("insert or ignore into event values (?, ?, ?, ?, ?, ?)", row)
        return str(said.case) if kept.rowcount else None

    def _events(self, case: str) -> list[Happened]:
        found = self._db.execute("select at, type, id, data from event where case_id = ?", (case,))
        return [
            Happened(datetime.fromisoformat(at), _ORDER[kind], id_, kind, BY_NAME[kind].data.model_validate_json(said))
            for at, kind, id_, said in found
        ]


def fold(case: str, events: Iterable[Happened]) -> Row:
    """The row that the events of a case make, in whatever order they come."""
    row: dict[str, Any] = dict.fromkeys(field.name for field in fields(Row))
    for event in sorted(events, key=lambda each: each[:3]):
        row |= {"last_event": event.type, "last_at": event.at, **_said(event.data)}
    return Row(**{**row, "case": case})


def _said(event: data.EventData) -> dict[str, Any]:
    """What an event says of its case's row."""
    match event:
        case data.Received():
            names = ("submitter", "line_of_business", "urgency", "received_at", "due", "appeals")
            return {"state": CaseState.RECEIVED.value, **{name: getattr(event, name) for name in names}}
        case data.Pended():
            return {"state": CaseState.IN_REVIEW.value, "due": event.due}
        case data.InformationRequested():
            return {"state": CaseState.INFORMATION_REQUESTED.value}
        case data.Expired():
            return {"state": event.state, "due": event.due}
        case data.Decided():
            return {"state": event.state, "decided_at": event.decided_at}
    return {}


def _stored(row: Row) -> tuple[str | None, ...]:
    return tuple(value.isoformat() if isinstance(value, datetime) else value for value in astuple(row))


def _row(found: dict[str, Any]) -> Row:
    instants = ("received_at", "due", "decided_at", "last_at")
    read = {name: datetime.fromisoformat(found[name]) for name in instants if found[name]}
    line, urgency = found["line_of_business"], found["urgency"]
    return Row(
        **{
            **found,
            **read,
            "line_of_business": LineOfBusiness(line) if line else None,
            "urgency": Urgency(urgency) if urgency else None,
        }
    )
