"""The read model: one contract, for the file and for its twin in memory."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.analytics import base
from adapters.analytics.base import Analytics, Known, Wanted
from adapters.analytics.memory import MemoryAnalytics
from adapters.analytics.models import model_of
from adapters.analytics.sqlite import SqliteAnalytics
from domain.process.timeline import Group, Timeline, Visit

NOW = datetime(2026, 11, 23, 15, 0, 0, 500, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALL = Wanted("prior-authorization", "1.0.0")
KINDS: dict[str, Callable[[Path], Analytics]] = {
    "sqlite": lambda folder: SqliteAnalytics(folder / "deep" / "analytics.sqlite"),
    "memory": lambda _: MemoryAnalytics(),
}


@pytest.fixture(params=KINDS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Analytics:
    return KINDS[request.param](tmp_path)


def case(name: str, **changes: Any) -> Timeline:
    visit = Visit(element="determine", n=1, group=Group.ENGINE, started=NOW, paused=HOUR, tries=2, failed=1)
    whole: dict[str, Any] = {
        "id": name, "workflow": "prior-authorization", "version": "1.0.0", "line_of_business": "commercial",
        "created": NOW, "updated": NOW, "runtime": "Running", "due": NOW + HOUR, "visits": (visit,),
    }  # fmt: skip
    return Timeline(**whole | changes)


async def test_what_is_put_is_found(kept: Analytics) -> None:
    one = case("a")
    await kept.put([one, case("b")], NOW)
    assert await kept.get("a") == one
    assert await kept.get("nobody") is None
    assert await kept.find(ALL) == [one, case("b")]


async def test_twice_is_once_and_the_last_counts(kept: Analytics) -> None:
    await kept.put([case("a")], NOW)
    await kept.put([case("a"), case("a", runtime="Completed", ended=NOW)], NOW + HOUR)
    assert await kept.find(ALL) == [case("a", runtime="Completed", ended=NOW)]


async def test_what_has_not_ended(kept: Analytics) -> None:
    await kept.put([case("a"), case("b", ended=NOW), case("c", runtime="Failed")], NOW + HOUR)
    open_ = Known(updated=NOW, read=NOW + HOUR)
    assert await kept.open() == {"a": open_, "c": open_}
    assert await kept.known(["b", "c", 'no"body']) == {"b": open_, "c": open_}
    assert await kept.known([]) == {}


async def test_filters(kept: Analytics) -> None:
    later = case("b", created=NOW + HOUR, line_of_business=None)
    other = case("c", version="2.0.0", deviation="it ended")
    await kept.put([later, case("a"), other], NOW)
    assert await kept.versions() == [("prior-authorization", "1.0.0"), ("prior-authorization", "2.0.0")]
    for wanted, found in (
        (ALL, ["a", "b"]),
        (Wanted(ALL.workflow, ALL.version, since=NOW), ["a", "b"]),
        (Wanted(ALL.workflow, ALL.version, since=NOW + timedelta(seconds=1)), ["b"]),
        (Wanted(ALL.workflow, ALL.version, line_of_business="commercial"), ["a"]),
        (Wanted(ALL.workflow, ALL.version, deviating=True), []),
        (Wanted(ALL.workflow, "2.0.0", deviating=True), ["c"]),
        (Wanted("appeal", "1.0.0"), []),
    ):
        assert [each.id for each in await kept.find(wanted)] == found


async def test_of_too_many_the_last_are_found(kept: Analytics, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (base, *(__import__(f"adapters.analytics.{name}", fromlist=["MOST"]) for name in KINDS)):
        monkeypatch.setattr(module, "MOST", 2)
    await kept.put([case(name, created=NOW + n * HOUR) for n, name in enumerate("abc")], NOW)
    assert [each.id for each in await kept.find(ALL)] == ["b", "c"]


async def test_the_sweep_is_remembered(kept: Analytics) -> None:
    assert await kept.swept() is None
    for at in (NOW, NOW + HOUR):
        await kept.sweep(at)
        assert await kept.swept() == at


async def test_the_file_is_its_owners_alone_and_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "analytics.sqlite"
    await SqliteAnalytics(path).put([case("a")], NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert await SqliteAnalytics(path).get("a") == case("a")


async def test_a_file_of_another_schema_is_built_anew(tmp_path: Path) -> None:
    path = tmp_path / "analytics.sqlite"
    await SqliteAnalytics(path).put([case("a")], NOW)
    with closing(sqlite3.connect(path)) as db:
        db.execute("alter table cases add column other text")
        db.execute("pragma user_version = 99")
    anew = SqliteAnalytics(path)
    assert await anew.get("a") is None
    await anew.put([case("b")], NOW)
    assert await anew.swept() is None


def test_models_that_are_deployed() -> None:
    model = model_of("prior-authorization", "1.0.0")
    assert model is not None
    assert model.version == "1.0.0"
    for workflow, version in (("prior-authorization", "9.0.0"), ("..", "1"), ("a/b", "1"), ("appeal", "../1.0.0")):
        assert model_of(workflow, version) is None
