"""The case board on the screen: turnaround by line of business and urgency, and the text that shows it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from adapters.events.memory import MemoryEvents
from events.board import report
from events.projection import Board, Row
from events.turnaround import Turnaround, turnaround
from tests.support.happenings import START, a_case, append, decided, received


async def rows_of(tmp_path: Path) -> list[Row]:
    """Ten requests decided after 1 to 10 days of seven, one open, one appeal, one of another line."""
    log, board = MemoryEvents(), Board(tmp_path / "board.sqlite")
    for number in range(1, 11):
        append(log, received(a_case(number), START))
        append(log, decided(a_case(number), START + timedelta(days=number), "denied" if number == 10 else "approved"))
    append(log, received(a_case(11), START))
    append(log, received(a_case(12), START, appeals=a_case(10)))
    append(log, decided(a_case(12), START + timedelta(days=300)))
    append(log, received(a_case(13), START, line_of_business="medicaid", urgency="expedited"))
    await board.update(log)
    rows = board.rows()
    board.close()
    return rows


async def test_the_figures_are_those_of_the_requests_and_not_of_appeals(tmp_path: Path) -> None:
    assert turnaround(await rows_of(tmp_path)) == [
        Turnaround("commercial", "standard", 11, 10, 7, mean=132.0, median=132.0, ninetieth=216.0),
        Turnaround("medicaid", "expedited", 1, 0, 0, mean=None, median=None, ninetieth=None),
    ]


async def test_the_report_counts_states_and_shows_the_latest_cases(tmp_path: Path) -> None:
    rows = await rows_of(tmp_path)
    states, figures, cases = report(rows, most=3).split("\n\n")
    assert [line.split() for line in states.splitlines()[2:]] == [
        ["approved", "10"], ["denied", "1"], ["received", "2"],
    ]  # fmt: skip
    assert figures.splitlines()[2].split() == [
        "commercial", "standard", "11", "10", "7", "5.5", "d", "5.5", "d", "9.0", "d",
    ]  # fmt: skip
    first, second, third, left = cases.splitlines()[2:]
    assert first.startswith(a_case(12))
    assert second.split()[-4:] == ["10.0", "d", "no", "1"], "denied late, appealed once"
    assert third.startswith(a_case(9))
    assert left == f"… and {len(rows) - 3} more"


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0.001, "3.6 s"),
        (0.02, "72.0 s"),
        (0.5, "30.0 min"),
        (1.9, "114.0 min"),
        (2, "2.0 h"),
        (47.9, "47.9 h"),
        (84, "3.5 d"),
    ],
)
async def test_how_long_it_took_is_told_in_the_unit_that_fits(tmp_path: Path, hours: float, text: str) -> None:
    log, board = MemoryEvents(), Board(tmp_path / "board.sqlite")
    append(log, received(a_case(1), START))
    append(log, decided(a_case(1), START + timedelta(hours=hours)))
    await board.update(log)
    assert f"  {text}" in report(board.rows()).splitlines()[-1]
    board.close()


def test_an_empty_board_has_a_report() -> None:
    assert "state" in report([])
