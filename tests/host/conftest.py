"""Both stores and both compatibility modes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from host.options import Compat
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
