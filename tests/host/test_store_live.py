"""What the SQLite store knows by heart of its instances is what the file says, after whatever was written."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from host.model import Event, EventKind, InstanceStatus, Status
from host.starts import new_start
from host.store import live
from host.store import sqlite_reads as reads
from host.store.base import EntityTurn, Loaded, Message, Start, Timer, Turn
from host.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
NAMES = ("a", "b", "c")


def _start(instance_id: str, text: str = "1") -> Start:
    return new_start("flow", text, instance_id, "", NOW)


def _message(target: str, text: str = "2") -> Message:
    return Message(target, Event(kind=EventKind.EVENT_RAISED, at=NOW, name="go", text=text))


def _events() -> tuple[Event, ...]:
    return (Event(kind=EventKind.TURN_STARTED, at=NOW),)


def _running(loaded: Loaded) -> Turn:
    return Turn(instance=replace(loaded.instance, status=Status.RUNNING), append=_events())


async def _in_file(store: SqliteStore, instance_id: str) -> Loaded | None:
    return await store._read(partial(reads.load, instance_id=instance_id, now=NOW, history=False))


def _known(store: SqliteStore, instance_id: str) -> Loaded | None:
    return store._live.load(instance_id, NOW, history=False)


async def _loaded(store: SqliteStore, instance_id: str) -> Loaded:
    loaded = await store.load(instance_id, NOW, history=False)
    assert loaded is not None
    return loaded


async def test_turns_of_an_instance_read_nothing(sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(SqliteStore, "_read")
    await sqlite.start(_start("a"))
    first = await sqlite.load("a", NOW)
    assert first is not None
    await sqlite.commit(replace(_running(first), consumed=tuple(m.seq for m in first.inbox)))
    await sqlite.post(_message("a"))
    second = await _loaded(sqlite, "a")
    assert (second.instance.status, second.has_history, len(second.inbox)) == (Status.RUNNING, True, 1)


async def test_an_instance_that_was_not_known_is_after_its_first_turn(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sqlite.start(_start("a"))
    sqlite._live.clear()
    first = await _loaded(sqlite, "a")
    timer = Timer("a", first.instance.execution_id, 0, NOW + timedelta(days=1))
    await sqlite.commit(replace(_running(first), timers=(timer,)))
    monkeypatch.delattr(SqliteStore, "_read")
    later = await sqlite.load("a", timer.due, history=False)
    assert later is not None
    assert (later.inbox, later.due, later.has_history) == (first.inbox, (timer,), True)


class _Writes:
    """Random writes, as many at once as come."""

    def __init__(self, sqlite: SqliteStore, seed: int) -> None:
        self._store = sqlite
        self._random = random.Random(seed)

    async def some(self) -> None:
        """A few at the same time, one of each instance at most, as in the engine."""
        await asyncio.gather(*(self._one(name) for name in NAMES if self._random.random() < 0.8))

    async def _one(self, name: str) -> None:
        choice = self._random.random()
        if choice < 0.2:
            await self._store.start(replace(_start(name), replace_ended=self._random.random() < 0.7))
        elif choice < 0.4:
            await self._store.post(_message(name))
        elif choice < 0.5:
            await self._store.commit_entity(EntityTurn("@e@k", None, (), (_message(name),)))
        elif choice < 0.55:
            await self._store.purge([name])
        elif (loaded := await self._store.load(name, NOW, history=self._random.random() < 0.5)) is not None:
            await self._store.commit(self._turn(loaded))

    def _turn(self, loaded: Loaded) -> Turn:
        draw = self._random
        other = draw.choice([name for name in NAMES if name != loaded.instance.instance_id])
        timers = [Timer(loaded.instance.instance_id, loaded.instance.execution_id, draw.randrange(4), self._due())]
        return Turn(
            instance=self._changed(loaded.instance),
            append=_events() * draw.randrange(2),
            replace_history=draw.random() < 0.2,
            consumed=tuple(message.seq for message in loaded.inbox if draw.random() < 0.7),
            ended_timers=tuple(draw.sample(range(4), draw.randrange(3))),
            timers=tuple(timers[: draw.randrange(2)]),
            starts=(replace(_start(other), if_running=_message(draw.choice(NAMES))),) * draw.randrange(2),
            messages=tuple(_message(name) for name in NAMES if draw.random() < 0.3),
        )

    def _changed(self, instance: InstanceStatus) -> InstanceStatus:
        status = self._random.choice([Status.RUNNING, Status.RUNNING, Status.SUSPENDED, Status.COMPLETED])
        created = NOW + timedelta(days=self._random.randrange(2))
        return replace(instance, status=status, created=created, input=str(self._random.randrange(3)), waits={"go": 1})

    def _due(self) -> datetime:
        return NOW + timedelta(seconds=self._random.randrange(-2, 2))


@pytest.mark.parametrize("seed", range(8))
async def test_after_any_writes_it_is_what_the_file_says(sqlite: SqliteStore, seed: int) -> None:
    writes, hits = _Writes(sqlite, seed), 0
    for number in range(60):
        if number % 8 == 7:
            sqlite._live.clear()
        await writes.some()
        for name in NAMES:
            known = _known(sqlite, name)
            hits += known is not None
            assert known in (None, await _in_file(sqlite, name))
    assert hits > 40


async def test_a_history_is_read_from_the_file(sqlite: SqliteStore) -> None:
    await sqlite.start(_start("a"))
    await sqlite.commit(_running(await _loaded(sqlite, "a")))
    whole = await sqlite.load("a", NOW)
    assert whole is not None
    assert whole.history == _events()


async def test_a_write_that_nobody_waits_for_counts(sqlite: SqliteStore) -> None:
    await sqlite.start(_start("a"))
    posting = asyncio.create_task(sqlite.post(_message("a")))
    await asyncio.sleep(0)
    posting.cancel()
    await sqlite.post(_message("other"))
    assert len((await _loaded(sqlite, "a")).inbox) == 2
    assert _known(sqlite, "a") == await _in_file(sqlite, "a")


async def test_after_a_fault_of_the_database_the_file_is_asked(sqlite: SqliteStore) -> None:
    await sqlite.start(_start("a"))

    def fault(_: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    with pytest.raises(sqlite3.OperationalError):
        await sqlite._write(fault)
    assert _known(sqlite, "a") is None
    assert await _loaded(sqlite, "a") == await _in_file(sqlite, "a")


async def test_the_least_used_and_the_large_are_left_to_the_file(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "KEPT", 2)
    monkeypatch.setattr(live, "LARGEST_TEXT", 10)
    for name in ("a", "b"):
        await sqlite.start(_start(name))
    await _loaded(sqlite, "a")
    await sqlite.start(_start("c"))
    assert [_known(sqlite, name) is None for name in NAMES] == [False, True, False]
    monkeypatch.setattr(live, "LONGEST_INBOX", 2)
    await sqlite.start(_start("large", "1" * 11))
    await sqlite.post(_message("a", "1" * 11))
    grown = replace((await _loaded(sqlite, "c")).instance, input="1" * 11)
    await sqlite.commit(Turn(instance=grown, replace_history=True))
    assert [_known(sqlite, name) for name in ("large", "a", "c")] == [None] * 3
    assert [(await _loaded(sqlite, name)).instance.input for name in ("large", "a", "c")] == ["1" * 11, "1", "1" * 11]
    await sqlite.start(_start("many"))
    await sqlite.post(_message("many"))
    assert _known(sqlite, "many") is not None
    await sqlite.post(_message("many"))
    assert _known(sqlite, "many") is None
    assert len((await _loaded(sqlite, "many")).inbox) == 3
