"""What the SQLite store has beyond the contract: its files, its pages, its indexes."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from host.model import Event, EventKind, InstanceQuery, Status
from host.starts import new_start
from host.store import sqlite as sqlite_store
from host.store.base import Start, Turn
from host.store.sqlite import SqliteStore
from host.store.statements import SQL

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
PAGE = 4096
WAL_FRAME_HEADER = 24
"""https://www.sqlite.org/fileformat2.html#walformat"""


def _start(instance_id: str = "i") -> Start:
    return new_start("flow", '{"n": 1}', instance_id, "1.0", NOW)


def _raised(name: str) -> Event:
    return Event(kind=EventKind.EVENT_RAISED, at=NOW, name=name, text="1")


async def test_files_belong_to_their_owner_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "hub" / "hub.db")
    await store.open()
    await store.start(_start())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "hub").iterdir()}
    assert set(modes) >= {"hub.db", "hub.db-wal"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "hub").stat().st_mode) == 0o700
    await store.close()


async def test_a_turn_writes_few_pages_whatever_the_input(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "hub.db")
    await store.open()
    start = new_start("flow", "x" * 100 * PAGE, "i", "1.0", NOW)
    await store.start(start)
    running = replace(start.instance, status=Status.RUNNING)
    await store.commit(Turn(instance=running, append=(_raised("a"),), consumed=(1,)))
    wal = tmp_path / "hub.db-wal"
    before = wal.stat().st_size
    await store.commit(Turn(instance=replace(running, custom_status='"two"'), append=(_raised("b"), _raised("c"))))
    pages = (wal.stat().st_size - before) // (PAGE + WAL_FRAME_HEADER)
    assert pages == 3, "the instance, the history, its index"
    await store.close()


async def test_lists_and_histories_are_read_in_the_order_of_an_index(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "hub.db")
    await store.open()
    names = (
        "id",
        "status",
        "after_created",
        "after_id",
        "created_to",
        "updated_to",
        "prefix",
        "top",
        "until",
        "target",
    )
    for statement in ("query_instances", "query_ids", "get_history", "get_timers_of", "get_inbox"):
        plan = await store._read(partial(_plan, statement, dict.fromkeys(names, 0)))
        assert "SCAN" not in plan, statement
        if statement != "get_timers_of":
            assert "TEMP B-TREE" not in plan, statement
    await store.close()


def _plan(statement: str, values: dict[str, int], connection: sqlite3.Connection) -> str:
    return " | ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {SQL[statement]}", values))


async def test_a_purge_of_many_is_several_transactions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = list[int]()

    class Counting(SqliteStore):
        async def purge(self, instance_ids: Sequence[str]) -> int:
            written.append(len(instance_ids))
            return await super().purge(instance_ids)

    monkeypatch.setattr(sqlite_store, "PURGED_AT_ONCE", 2)
    store = Counting(tmp_path / "hub.db")
    await store.open()
    for number in range(5):
        start = _start(f"i{number}")
        await store.start(start)
        if number != 1:
            await store.commit(Turn(instance=replace(start.instance, status=Status.COMPLETED)))
    assert await store.purge_where(InstanceQuery()) == 4
    assert max(written) == 2
    assert await store.get("i1") is not None
    await store.close()


async def test_a_second_host_on_the_same_file_is_refused(tmp_path: Path) -> None:
    first, second = SqliteStore(tmp_path / "hub.db"), SqliteStore(tmp_path / "hub.db")
    await first.open()
    with pytest.raises(RuntimeError, match="is in use by another host"):
        await second.open()
    await first.close()
    await second.open()
    await second.close()


async def test_a_job_that_fails_undoes_itself_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "hub.db")
    await store.open()
    start = _start()
    broken = replace(start, instance=replace(start.instance, instance_id="j", name=None))  # type: ignore[arg-type]
    results = await _together(store, start, broken)
    assert results[0] is None
    assert isinstance(results[1], Exception)
    assert await store.get("i") is not None
    assert await store.get("j") is None
    await store.close()


async def _together(store: SqliteStore, *starts: Start) -> list[object]:
    return list(await asyncio.gather(*(store.start(start) for start in starts), return_exceptions=True))
