"""The case board: what rows say, and that copies, disorder, crashes and gaps change none of them."""

from __future__ import annotations

import asyncio
import random
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.events.base import Record
from adapters.events.memory import MemoryEvents
from domain.errors import Unavailable
from domain.events.catalog import EXPIRED, INFORMATION_REQUESTED, PENDED, STEP, Topic
from domain.events.cloud_event import CloudEvent
from events import projection as module
from events.errors import EventsError
from events.projection import Board, Row
from tests.support.happenings import START, a_case, append, decided, fill, happened, received

ROOT = Path(__file__).parents[2]
DAY = timedelta(days=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "board.sqlite"


@pytest.fixture
def board(path: Path) -> Iterator[Board]:
    board = Board(path)
    yield board
    board.close()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 7)


class Thinned:
    """A log of which compaction and retention took some: ``kept`` says which offsets are left."""

    def __init__(self, log: MemoryEvents, first: int, step: int) -> None:
        self._log, self._first, self._step = log, first, step

    async def bounds(self, topic: str) -> Mapping[int, tuple[int, int]]:
        return {number: (min(self._first, end), end) for number, (_, end) in (await self._log.bounds(topic)).items()}

    async def offsets_at(self, topic: str, when: object) -> Mapping[int, int]:
        raise NotImplementedError

    async def read(self, topic: str, partition: int, start: int, end: int, most: int = 500) -> Sequence[Record]:
        assert start >= self._first, "what is gone is not asked for"
        records = await self._log.read(topic, partition, start, end, end)
        return [each for each in records if each.at.offset % self._step == 0][:most]

    async def aclose(self) -> None:
        raise NotImplementedError


async def rows_of(*events: CloudEvent, path: Path) -> list[Row]:
    log, board = MemoryEvents(), Board(path)
    for event in events:
        append(log, event)
    await board.update(log)
    rows = board.rows()
    board.close()
    return rows


async def test_a_row_tells_where_a_case_stands(path: Path) -> None:
    case, at = a_case(1), START
    (row,) = await rows_of(received(case, at), decided(case, at + 3 * DAY), path=path)
    assert (row.case, row.state, row.submitter) == (case, "approved", "lakeside-clinic")
    assert (row.line_of_business, row.urgency) == ("commercial", "standard")
    assert (row.received_at, row.due, row.decided_at) == (at, at + 7 * DAY, at + 3 * DAY)
    assert (row.hours, row.on_time, row.last_event, row.last_at) == (
        72.0,
        True,
        "prior-authorization.decided.v1",
        at + 3 * DAY,
    )


async def test_states_follow_the_events(path: Path) -> None:
    at, due = START, START + 7 * DAY
    rows = await rows_of(
        *(received(a_case(number), at) for number in range(4)),
        happened(PENDED, a_case(1), at, due=due),
        happened(INFORMATION_REQUESTED, a_case(2), at, due=at + DAY),
        happened(EXPIRED, a_case(3), due, state="deemed", policy="ma-standard", due=due),
        path=path,
    )
    by_case = {row.case: row for row in rows}
    assert [by_case[a_case(number)].state for number in range(4)] == [
        "received", "in-review", "information-requested", "deemed",
    ]  # fmt: skip
    assert [by_case[a_case(number)].on_time for number in range(4)] == [None, None, None, False]
    assert by_case[a_case(2)].due == due, "the case's deadline, not the one given to the provider"


async def test_a_late_decision_is_not_on_time_and_an_appeal_is_a_case_of_its_own(path: Path) -> None:
    case, appeal, at = a_case(1), a_case(2), START
    rows = await rows_of(
        received(appeal, at + 9 * DAY, appeals=case), decided(case, at + 8 * DAY), received(case, at), path=path
    )
    by_case = {row.case: row for row in rows}
    assert by_case[case].on_time is False
    assert by_case[appeal].appeals == case
    assert by_case[appeal].state == "received"


async def test_what_the_board_is_not_made_of_is_passed_over(board: Board) -> None:
    log, step = MemoryEvents(), {"workflow": "w", "step": "s", "n": 1, "outcome": "completed"}
    append(log, happened(STEP, a_case(1), START, **step))
    append(log, received(a_case(1), START).model_copy(update={"type": "prior-authorization.received.v9"}))
    log.append(Topic.EVENTS, b"k", None)
    log.append(Topic.EVENTS, b"k", b"{}", (("ce_id", b"1"),))
    append(log, received(a_case(2), START).model_copy(update={"data": {"case": a_case(2), "record": "nonsense"}}))
    append(log, received(a_case(3), START))
    assert await board.update(log) == 6
    assert [row.case for row in board.rows()] == [a_case(3)]
    assert board.unreadable() == 2, "no CloudEvent, and data of another schema"


async def test_only_the_owner_may_read_the_file(board: Board, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_rebuilt_is_equal_to_built_by_and_by(board: Board, path: Path) -> None:
    log, chance = MemoryEvents(), random.Random(3)
    total = fill(log)
    seen, taken = [0, 0, 0], 0
    growing = MemoryEvents()
    growing.topics[Topic.EVENTS] = [[], [], []]
    while any(seen[n] < len(log.topics[Topic.EVENTS][n]) for n in range(3)):
        number = chance.randrange(3)  # partitions come in any order, a few records at a time
        more = log.topics[Topic.EVENTS][number][seen[number] :][: chance.randrange(1, 9)]
        growing.topics[Topic.EVENTS][number] += more
        seen[number] += len(more)
        taken += await board.update(growing)
    assert taken == total
    by_and_by = board.rows()
    assert len(by_and_by) > 40, "cases and appeals"
    board.forget()
    assert board.rows() == []
    assert await board.update(log) == total
    assert board.rows() == by_and_by
    assert await board.update(log) == 0, "nothing is read twice"


async def test_the_order_of_the_events_does_not_matter(tmp_path: Path) -> None:
    log = MemoryEvents()
    fill(log)
    records = log.records(Topic.EVENTS)
    boards = []
    for seed in range(3):
        random.Random(seed).shuffle(records)
        shuffled, board = MemoryEvents(), Board(tmp_path / f"{seed}.sqlite")
        for number, record in enumerate(records):
            shuffled.append(Topic.EVENTS, str(number % 5).encode(), record.value, record.headers)
        await board.update(shuffled)
        boards.append(board.rows())
        board.close()
    assert boards[0] == boards[1] == boards[2]


@pytest.mark.parametrize("statements", [3, 20, 21, 22, 23, 60, 150])
async def test_a_kill_at_any_statement_changes_nothing(tmp_path: Path, statements: int) -> None:
    """Killed in the middle, gone on with: equal to a board that was never disturbed."""
    log, whole = MemoryEvents(), Board(tmp_path / "whole.sqlite")
    total = fill(log)
    assert await whole.update(log) == total
    path = tmp_path / "killed.sqlite"
    command = [sys.executable, "-m", "tests.support.happenings", str(path), str(statements)]
    assert (await asyncio.to_thread(subprocess.run, command, cwd=ROOT, check=False)).returncode == 9
    board = Board(path)
    left = await board.update(log)
    assert 0 < left <= total
    assert board.rows() == whole.rows()
    board.close()
    whole.close()


async def test_gaps_of_compaction_and_retention_are_stepped_over(board: Board, tmp_path: Path) -> None:
    log = MemoryEvents()
    fill(log)
    thinned = Thinned(log, first=5, step=3)
    taken = await board.update(thinned)
    assert 0 < taken < len(log.records(Topic.EVENTS)) / 2
    again = Board(tmp_path / "again.sqlite")
    assert await again.update(thinned) == taken
    assert board.rows() == again.rows()
    assert await board.update(thinned) == 0, "a gap at the end is not asked for again and again"
    again.close()


async def test_a_topic_that_was_made_anew_is_told(board: Board) -> None:
    log, young = MemoryEvents(), MemoryEvents()
    fill(log)
    await board.update(log)
    append(young, received(a_case(1), START))
    with pytest.raises(EventsError, match="REBUILD=1"):
        await board.update(young)
    board.forget()
    await board.update(young)
    assert [row.case for row in board.rows()] == [a_case(1)]


async def test_a_broker_that_is_away_leaves_the_board_as_it_is(board: Board) -> None:
    log = MemoryEvents()
    fill(log)
    await board.update(log)
    before, log.answers = board.rows(), False
    with pytest.raises(Unavailable):
        await board.update(log)
    assert board.rows() == before


async def test_a_file_of_another_version_is_built_anew(
    board: Board, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MemoryEvents()
    total = fill(log)
    await board.update(log)
    monkeypatch.setattr(module, "VERSION", module.VERSION + 1)
    newer = Board(path)
    assert newer.rows() == []
    assert await newer.update(log) == total
    newer.close()
