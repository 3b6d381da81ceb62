"""The writer of the SQLite store lives on and answers every job, whatever happens to the job or the connection."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest

from host.model import InstanceQuery
from host.starts import new_start
from host.store.base import Start
from host.store.link import Link, connect
from host.store.sqlite import SqliteStore
from host.store.writer import Writer

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
Connection = sqlite3.Connection


def _start(instance_id: str) -> Start:
    return new_start("flow", "1", instance_id, "", NOW)


async def _known(store: SqliteStore) -> set[str]:
    return {instance.instance_id for instance in (await store.query(InstanceQuery())).items}


async def test_a_connection_that_is_lost_is_made_anew(sqlite: SqliteStore) -> None:
    await sqlite.start(_start("before"))
    assert sqlite._writing._connection is not None
    sqlite._writing._connection.close()
    with pytest.raises(sqlite3.ProgrammingError):
        await sqlite.start(_start("a"))
    assert await sqlite.start(_start("a")) is None
    assert await _known(sqlite) == {"before", "a"}


async def test_a_file_that_is_gone_is_not_made_anew(sqlite: SqliteStore) -> None:
    await sqlite.start(_start("before"))
    moved = sqlite._path.with_name("moved.db")
    sqlite._writing.close()
    sqlite._path.rename(moved)
    with pytest.raises(sqlite3.OperationalError):
        await sqlite.start(_start("a"))
    assert sqlite.fault == "the database file cannot be opened"
    assert not sqlite._path.exists()
    moved.rename(sqlite._path)
    assert await sqlite.start(_start("a")) is None
    assert sqlite.fault is None


class _Unreliable:
    """Connects at the second try."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tries = 0

    def __call__(self) -> Connection:
        self.tries += 1
        if self.tries == 1:
            raise OSError("not now")
        return connect(self.path, 1)


async def test_a_writer_that_cannot_connect_answers_and_tries_again(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    path.touch()
    link = Link(_Unreliable(path), threading.Event(), checks=True)
    writer = Writer(link)
    with pytest.raises(OSError, match="not now"):
        await writer.run(lambda c: c.execute("CREATE TABLE one (number)"))
    assert link.fault == "the database cannot be opened (OSError)"
    await writer.run(lambda c: c.execute("CREATE TABLE one (number)"))
    assert link.fault is None
    await writer.close()


@pytest.mark.parametrize("error", [ValueError, StopIteration, SystemExit, KeyboardInterrupt])
async def test_what_a_job_raises_is_answered_and_undoes_that_job_alone(
    sqlite: SqliteStore, error: type[BaseException]
) -> None:
    def broken(connection: Connection) -> NoReturn:
        connection.execute("DELETE FROM instances")
        raise error

    jobs = (sqlite.start(_start("a")), sqlite._write(broken), sqlite.start(_start("b")))
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), _answered(error), type(None)]
    assert await _known(sqlite) == {"a", "b"}
    assert sqlite.fault is None, "that was not the database"


def _answered(error: type[BaseException]) -> type[BaseException]:
    return ValueError if error is ValueError else RuntimeError


async def test_a_closed_store_refuses(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "hub.db")
    await store.open()
    await store.close()
    with pytest.raises(RuntimeError, match="closed"):
        await store.start(_start("a"))
    with pytest.raises(RuntimeError):
        await store.get("a")


async def test_a_call_that_was_given_up_does_not_hold_up_the_next(sqlite: SqliteStore) -> None:
    given_up = asyncio.ensure_future(sqlite.start(_start("a")))
    await asyncio.sleep(0)
    given_up.cancel()
    with suppress(asyncio.CancelledError):
        await given_up
    assert await sqlite.start(_start("b")) is None
    assert await _known(sqlite) == {"a", "b"}
