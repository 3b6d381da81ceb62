"""Both stores and both compatibility modes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from host.options import Compat, HubOptions
from host.store import Store
from host.store.memory import MemoryStore
from host.store.sqlite import SqliteStore


@pytest.fixture(params=["azure", "fixed"])
def compat(request: pytest.FixtureRequest) -> Compat:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    makers: dict[str, Callable[[], Store]] = {
        "memory": MemoryStore,
        "sqlite": lambda: SqliteStore(tmp_path / "hub" / "hub.db"),
    }
    return makers[request.param]()


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Open."""
    store = SqliteStore(tmp_path / "hub.db")
    await store.open()
    yield store
    await store.close()


@pytest.fixture(params=["resident", "cold", "verify"])
def sessions(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[str]:
    """The default of the hub's option; under ``verify`` living code must say what cold replay says."""
    defaults = HubOptions.__init__.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "sessions", request.param)
    monkeypatch.setitem(defaults, "session_trial", 0)
    assert HubOptions().sessions == request.param
    yield request.param
    assert [record.getMessage() for record in caplog.get_records("call") if record.name == "host.ask"] == []
