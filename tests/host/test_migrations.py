"""A file of an earlier version is brought to the newest with all that it holds; a newer one is refused."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

from host.clock import VirtualClock
from host.model import EntityStatus, Event, EventKind, InstanceQuery, InstanceStatus, Parent, Status
from host.store import migrations
from host.store.base import Activity, ActivityKey, Timer
from host.store.rows import event_text
from host.store.sqlite import SqliteStore
from host.store.sqlite_rows import micros
from host.testing import FunctionsInvoker, durable_host

SCHEMA_1 = (Path(__file__).parent / "schema_1.sql").read_text()
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
Connection = sqlite3.Connection
CASE = InstanceStatus(
    instance_id="case",
    execution_id="e1",
    name="flow",
    version="",
    status=Status.RUNNING,
    created=NOW,
    updated=NOW + timedelta(seconds=1),
    input='{"n": 1}',
    custom_status='"waits"',
    parent=Parent("p", "e0", "outer", 2),
    traceparent="00-ab-cd-01",
    waits={"go": 1},
)
HISTORY = (
    Event(kind=EventKind.TURN_STARTED, at=NOW),
    Event(kind=EventKind.EXECUTION_STARTED, at=NOW, name="flow", text='{"n": 1}', instance="case", execution="e1"),
    Event(kind=EventKind.TURN_COMPLETED, at=NOW),
)
RAISED = Event(kind=EventKind.EVENT_RAISED, at=NOW, name="go", text='"yes"')


def _version_1(path: Path) -> Connection:
    """A file as a host of version 1 left it, with one instance that waits and one that is new."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(SCHEMA_1)
    connection.execute("INSERT INTO meta VALUES ('schema', '1')")
    _add_instance(connection, CASE)
    new = ("new", "e2", "flow", "", "Pending", micros(NOW), micros(NOW), *[None] * 6, "{}", None)
    connection.execute(f"INSERT INTO instances VALUES ({', '.join('?' * 15)})", new)
    rows = [("case", seq, event_text(event)) for seq, event in enumerate(HISTORY)]
    connection.executemany("INSERT INTO history VALUES (?, ?, ?)", rows)
    return connection


def _add_instance(connection: Connection, case: InstanceStatus) -> None:
    parent = case.parent
    assert parent is not None
    row = (
        *(case.instance_id, case.execution_id, case.name, case.version, case.status.value),
        *(micros(case.created), micros(case.updated), case.input, case.output, case.custom_status),
        json.dumps([parent.instance, parent.execution, parent.name, parent.task]),
        *(case.traceparent, None, json.dumps(dict(case.waits)), case.blocked),
    )
    connection.execute(f"INSERT INTO instances VALUES ({', '.join('?' * 15)})", row)


async def test_a_file_of_version_1_keeps_all_that_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    with closing(_version_1(path)) as old:
        old.execute("INSERT INTO inbox VALUES (7, 'case', 'e1', ?)", (event_text(RAISED),))
        old.execute("INSERT INTO inbox VALUES (9, '@counter@k', NULL, ?)", (event_text(RAISED),))
        old.execute("INSERT INTO activities VALUES ('case', 'e1', 3, 'hello', '1', NULL)")
        old.execute("INSERT INTO timers VALUES ('case', 4, 'e1', ?)", (micros(NOW),))
        old.execute("INSERT INTO entities VALUES ('@counter@k', 'counter', '2', ?)", (micros(NOW),))
    store = SqliteStore(path)
    await store.open()
    loaded = await store.load("case", NOW)
    assert loaded is not None
    assert (loaded.instance, loaded.history) == (CASE, HISTORY)
    assert [(message.seq, message.execution, message.event) for message in loaded.inbox] == [(7, "e1", RAISED)]
    backlog = await store.backlog()
    assert backlog.targets == ("case", "@counter@k")
    assert backlog.activities == (Activity(ActivityKey("case", "e1", 3), "hello", "1"),)
    assert backlog.timers == (Timer("case", "e1", 4, NOW),)
    assert await store.entity("@counter@k") == EntityStatus(name="counter", key="k", state="2", updated=NOW)
    assert [case.instance_id for case in (await store.query(InstanceQuery())).items] == ["case", "new"]
    new = await store.get("new")
    assert new is not None
    assert new.input is None
    await store.close()


async def test_an_instance_of_version_1_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    _version_1(path).close()
    store, clock = SqliteStore(path), VirtualClock(NOW + timedelta(days=1))
    async with durable_host(FunctionsInvoker({"flow": _flow}), store=store, clock=clock) as host:
        done = await host.raise_event("case", "go", "yes")
    assert (done.status, done.output) == (Status.COMPLETED, '"yes"')


def _flow(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    return (yield context.wait_for_external_event("go"))


def _state(path: Path) -> tuple[int, list[tuple[str, str]]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
        return migrations.version(connection), [row for row in rows if not row[0].startswith("sqlite_")]


async def _opened_once(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.close()


def _half_made(path: Path) -> None:
    """The host of version 1 died while it made the tables."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA_1.partition("CREATE TABLE IF NOT EXISTS history")[0])


@pytest.mark.parametrize("make", [_half_made, lambda path: _version_1(path).close()], ids=["half-made", "version 1"])
async def test_every_file_ends_with_the_same_schema(tmp_path: Path, make: Callable[[Path], None]) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    make(old)
    for path in (old, old, new):
        await _opened_once(path)
    assert _state(old) == _state(new)
    assert _state(new)[0] == len(migrations.STEPS) == 3


async def test_a_newer_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "hub.db"
    await _opened_once(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE meta SET value = '4' WHERE key = 'schema'")
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match=r"hub\.db has schema 4, this host knows up to 3: use a newer host, or "):
        await SqliteStore(path).open()
    assert path.read_bytes() == before
    with pytest.raises(RuntimeError, match="has schema 4"):
        await SqliteStore(path).open()  # the first refusal has let go of the file


async def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hub.db"
    _version_1(path).close()
    before = _state(path)
    broken = f"{migrations.STEPS[1]}\nINSERT INTO nowhere VALUES (1);"
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "STEPS", (migrations.STEPS[0], broken))
        with pytest.raises(RuntimeError, match="cannot be used"):
            await SqliteStore(path).open()
    assert _state(path) == before
    await _opened_once(path)
    assert _state(path)[0] == 3
