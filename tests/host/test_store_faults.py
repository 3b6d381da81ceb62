"""Disk, lock and file go wrong under real SQLite: each fault is answered and named, and nothing is lost by it."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

from host.model import Event, EventKind, InstanceQuery, Status
from host.starts import new_start
from host.store.base import Start, Turn
from host.store.faults import DAMAGED, FULL, LOCKED
from host.store.sqlite import SqliteStore
from host.testing import FunctionsInvoker, durable_host

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
PAGE = 4096
LARGE = "x" * 50 * PAGE
HISTORIES = 60
"""A page after which a filled file holds nothing else."""
NEVER = 3600.0
"""Seconds."""
NO_LIMIT = 2**32 - 2
"""The most pages that SQLite knows."""
Connection = sqlite3.Connection


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "hub.db", busy_seconds=0.05, heal_seconds=NEVER)
    await store.open()
    yield store
    await store.close()


def _start(instance_id: str, text: str = "1") -> Start:
    return new_start("flow", text, instance_id, "", NOW)


async def _known(store: SqliteStore) -> set[str]:
    return {instance.instance_id for instance in (await store.query(InstanceQuery())).items}


async def _whole(store: SqliteStore) -> bool:
    """By SQLite's own check of the file."""
    found: list[tuple[str]] = await store._read(lambda c: c.execute("PRAGMA integrity_check").fetchall())
    return found == [("ok",)]


async def _limit(store: SqliteStore, more: int | None) -> None:
    """Let the file grow by so many pages more; None: without end."""

    def set_limit(connection: Connection) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {NO_LIMIT if more is None else pages + more}")

    await store._write(set_limit)


async def test_a_full_disk_refuses_and_takes_again(store: SqliteStore) -> None:
    await store.start(_start("before"))
    await _limit(store, 5)
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match="full"):
            await store.start(_start("large", LARGE))
    assert store.fault == FULL
    assert await _known(store) == {"before"}
    await _limit(store, None)
    assert store.fault is None
    assert await store.start(_start("large", LARGE)) is None
    assert await _known(store) == {"before", "large"}
    assert await _whole(store)


async def test_a_disk_that_is_full_for_one_large_job_takes_the_small_ones_beside_it(store: SqliteStore) -> None:
    await _limit(store, 10)
    names = ["a", "large", "b"]
    starts = [_start(name, LARGE if name == "large" else "1") for name in names]
    results = await asyncio.gather(*(store.start(start) for start in starts), return_exceptions=True)
    assert [isinstance(result, sqlite3.OperationalError) for result in results] == [False, True, False]
    assert await _known(store) == {"a", "b"}
    assert await _whole(store)


def _twice(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    one = yield context.call_activity("fill", 1)
    two = yield context.call_activity("fill", 2)
    return len(one) + len(two)


async def test_instances_go_on_when_the_disk_has_room_again(tmp_path: Path) -> None:
    invoker = FunctionsInvoker({"twice": _twice}, {"fill": lambda number: LARGE})
    store = SqliteStore(tmp_path / "hub.db", heal_seconds=NEVER)
    async with durable_host(invoker, store=store) as host:
        await _limit(store, 60)
        await asyncio.gather(*(host.hub.start("twice", instance_id=f"i{number}") for number in range(3)))
        await host.advance(minutes=5)
        assert store.fault == FULL
        assert {case.status for case in (await host.hub.query(InstanceQuery())).items} == {Status.RUNNING}
        await _limit(store, None)
        await host.advance(minutes=5)
        for case in (await host.hub.query(InstanceQuery())).items:
            assert (case.status, case.output, case.blocked) == (Status.COMPLETED, str(2 * len(LARGE)), None)
        assert store.fault is None


async def test_a_lock_of_another_program_is_waited_for_then_named(store: SqliteStore) -> None:
    await store.start(_start("before"))
    with closing(sqlite3.connect(store._path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        results = await asyncio.gather(*(store.start(_start(name)) for name in "abc"), return_exceptions=True)
        assert [type(result) for result in results] == [sqlite3.OperationalError] * 3
        assert store.fault == LOCKED
        assert await _known(store) == {"before"}, "reads wait for no lock"
        assert store.fault == LOCKED, "a read that succeeds says nothing of writes"
        other.execute("ROLLBACK")
    assert await store.start(_start("a")) is None
    assert store.fault is None
    assert await _known(store) == {"before", "a"}


async def test_a_fault_that_is_over_is_noticed_though_nobody_asks(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "hub.db", busy_seconds=0.05, heal_seconds=0.01)
    await store.open()
    with closing(sqlite3.connect(store._path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await store.start(_start("a"))
        assert store.fault == LOCKED
        other.execute("ROLLBACK")
    while store.fault is not None:  # noqa: ASYNC110 nothing else tells
        await asyncio.sleep(0.01)
    await store.close()


async def test_a_locked_file_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(RuntimeError, match=rf"new\.db cannot be used: {LOCKED}\.$"):
            await SqliteStore(path, busy_seconds=0.05).open()
        other.execute("ROLLBACK")
    again = SqliteStore(path)
    await again.open()
    await again.close()


async def _filled(path: Path) -> None:
    """A file of some hundred pages, none of them in the WAL."""
    store = SqliteStore(path)
    await store.open()
    starts = [_start(f"i{number}") for number in range(40)]
    for start in starts:
        await store.start(start)
    for start in starts:  # the pages of their histories come after all others
        event = Event(kind=EventKind.TASK_COMPLETED, at=NOW, task=0, text="x" * 3 * PAGE)
        await store.commit(Turn(instance=replace(start.instance, status=Status.RUNNING), append=(event,)))
    await store.close()


@contextmanager
def _damage(path: Path, first: int) -> Iterator[None]:
    """Overwrite all pages from the one of that number (from 0) on; at the end, put them back."""
    good = path.read_bytes()
    assert len(good) > 100 * PAGE
    with path.open("r+b") as file:
        file.seek(first * PAGE)
        file.write(b"\xaa" * (len(good) - first * PAGE))
    yield
    with path.open("r+b") as file:
        file.write(good)


@pytest.mark.parametrize("first", [0, 1])
async def test_a_damaged_file_is_not_opened(tmp_path: Path, first: int) -> None:
    path = tmp_path / "hub.db"
    await _filled(path)
    with _damage(path, first), pytest.raises(RuntimeError, match=rf"hub\.db cannot be used: {DAMAGED}\.$"):
        await SqliteStore(path).open()
    again = SqliteStore(path)
    await again.open()
    assert len(await _known(again)) == 40
    await again.close()


async def test_a_file_that_is_damaged_while_open_takes_no_writes_until_it_is_whole_again(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    await _filled(path)
    store = SqliteStore(path)
    await store.open()
    assert await store.get("i1") is not None
    with _damage(path, HISTORIES):
        with pytest.raises(sqlite3.DatabaseError, match="malformed"):
            await store.history("i39")
        assert store.fault == DAMAGED
        for _ in range(2):
            with pytest.raises(sqlite3.DatabaseError):
                await store.start(_start("new"))
        assert await store.get("i1") is not None, "what is whole is still read"
        assert store.fault == DAMAGED
    assert await store.start(_start("new")) is None
    assert store.fault is None
    assert len(await store.history("i39")) == 1
    assert len(await _known(store)) == 41
    assert await _whole(store)
    await store.close()


async def test_a_disk_that_fails_is_named_and_the_connection_made_anew(store: SqliteStore) -> None:
    await store.start(_start("before"))
    with _file_size(store._path.with_name("hub.db-wal").stat().st_size), pytest.raises(sqlite3.OperationalError):
        await store.start(_start("large", LARGE))
    assert store.fault == "the disk cannot be read or written"
    assert await store.start(_start("large", LARGE)) is None
    assert store.fault is None
    assert await _known(store) == {"before", "large"}
    assert await _whole(store)


@contextmanager
def _file_size(limit: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
