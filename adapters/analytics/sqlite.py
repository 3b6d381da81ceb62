"""The read model in one SQLite file, which only its owner may read.

Each call opens the file and closes it: calls are few, and nothing is held while nobody asks.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from adapters.analytics.base import MOST, Known, Wanted
from domain.process.timeline import Timeline

T = TypeVar("T")
SCHEMA_VERSION: Final = 1
_SCHEMA: Final = f"""
begin;
create table if not exists cases (
  id text primary key,
  workflow text not null,
  version text not null,
  line_of_business text,
  created text not null,           -- ISO 8601, UTC, so that text sorts as time
  updated text not null,
  read text not null,
  ended integer not null,
  deviating integer not null,
  timeline text not null           -- the whole, as JSON
);
create index if not exists cases_by_begin on cases (workflow, version, created);
create index if not exists cases_open on cases (id) where not ended;
create table if not exists sweeps (until text not null);
pragma user_version = {SCHEMA_VERSION};
commit;
"""
_PUT: Final = "insert or replace into cases values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_FIND: Final = """
select timeline from (
  select timeline, created, id from cases
  where workflow = :workflow and version = :version
    and (:since is null or created >= :since)
    and (:line_of_business is null or line_of_business = :line_of_business)
    and (deviating or not :deviating)
  order by created desc, id desc limit :most
) order by created, id
"""
_KNOWN: Final = "select id, updated, read from cases where id in (select value from json_each(?))"
_OPEN: Final = "select id, updated, read from cases where not ended"


class SqliteAnalytics:
    """In the file ``path``; its folder is made if need be. A file of another schema is built anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ready = False

    async def put(self, timelines: Sequence[Timeline], read: datetime) -> None:
        """See ``Analytics.put``."""
        rows = [_row(each, read) for each in timelines]
        await self._do(lambda db: db.executemany(_PUT, rows))

    async def open(self) -> Mapping[str, Known]:
        """See ``Analytics.open``."""
        return await self._do(lambda db: _knowns(db.execute(_OPEN)))

    async def known(self, ids: Collection[str]) -> Mapping[str, Known]:
        """See ``Analytics.known``."""
        given = json.dumps(list(ids))
        return await self._do(lambda db: _knowns(db.execute(_KNOWN, (given,))))

    async def get(self, case: str) -> Timeline | None:
        """See ``Analytics.get``."""
        row = await self._do(lambda db: db.execute("select timeline from cases where id = ?", (case,)).fetchone())
        return Timeline.model_validate_json(row[0]) if row else None

    async def versions(self) -> Sequence[tuple[str, str]]:
        """See ``Analytics.versions``."""
        query = "select distinct workflow, version from cases order by workflow, version"
        return await self._do(lambda db: db.execute(query).fetchall())

    async def find(self, wanted: Wanted) -> Sequence[Timeline]:
        """See ``Analytics.find``."""
        given = {
            "workflow": wanted.workflow,
            "version": wanted.version,
            "since": _text(wanted.since) if wanted.since else None,
            "line_of_business": wanted.line_of_business,
            "deviating": wanted.deviating,
            "most": MOST,
        }
        return await self._do(lambda db: [Timeline.model_validate_json(text) for (text,) in db.execute(_FIND, given)])

    async def swept(self) -> datetime | None:
        """See ``Analytics.swept``."""
        row = await self._do(lambda db: db.execute("select until from sweeps").fetchone())
        return datetime.fromisoformat(row[0]) if row else None

    async def sweep(self, until: datetime) -> None:
        """See ``Analytics.sweep``."""

        def write(db: sqlite3.Connection) -> None:
            db.execute("delete from sweeps")
            db.execute("insert into sweeps values (?)", (_text(until),))

        await self._do(write)

    async def _do(self, job: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.to_thread(self._run, job)

    def _run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        if not self._ready:
            _prepare(self._path)
            self._ready = True
        with closing(_connect(self._path)) as db, db:
            return job(db)


def _prepare(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    with closing(_connect(path)) as db:
        db.execute("pragma journal_mode = wal")
        if db.execute("pragma user_version").fetchone()[0] not in (0, SCHEMA_VERSION):
            db.executescript("drop table if exists cases; drop table if exists sweeps")
        db.executescript(_SCHEMA)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=10)
    db.execute("pragma synchronous = normal")  # a projection: what a crash takes is read again
    return db


def _row(each: Timeline, read: datetime) -> tuple[object, ...]:
    return (
        each.id,
        each.workflow,
        each.version,
        each.line_of_business,
        _text(each.created),
        _text(each.updated),
        _text(read),
        each.ended is not None,
        each.deviation is not None,
        each.model_dump_json(),
    )


def _knowns(rows: sqlite3.Cursor) -> dict[str, Known]:
    return {id_: Known(datetime.fromisoformat(updated), datetime.fromisoformat(read)) for id_, updated, read in rows}


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
