"""The case board on the screen: ``python -m events board``."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from adapters.events.kafka_log import KafkaLog
from adapters.events.security import brokers
from domain.errors import NotFound, Unavailable
from events.errors import EventsError
from events.projection import Board, Row
from events.table import table
from events.turnaround import NONE, Turnaround, turnaround
from settings import settings

PAUSE: Final = 1.0
"""Seconds between two looks of ``--follow``."""
_FIGURES: Final = (
    "line of business",
    "urgency",
    "requests",
    "decided",
    "on time",
    "mean",
    "median",
    "90 % within",
)
_CASES: Final = (
    "case",
    "state",
    "line of business",
    "urgency",
    "due (UTC)",
    "decided (UTC)",
    "took",
    "on time",
    "appeals",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("--data", type=Path, default=Path(".data"), help="where board.sqlite lies")
    parser.add_argument("--rebuild", action="store_true", help="forget it and read from the first record")
    parser.add_argument("--follow", action="store_true", help="show it again whenever something happened")


def run(parsed: argparse.Namespace) -> int:
    """show where every case stands, and how long decisions took"""
    board = Board(parsed.data / "board.sqlite")
    try:
        if parsed.rebuild:
            board.forget()
        asyncio.run(_show(board, follow=parsed.follow))
    except Unavailable:
        raise EventsError(f"No broker answers at {settings().kafka_brokers}: start it with make run.") from None
    except NotFound:
        raise EventsError("The topics are not there yet: make topics creates them.") from None
    finally:
        board.close()
    return 0


def report(rows: Sequence[Row], most: int = 30) -> str:
    """Counts by state, turnaround, and the cases that changed last."""
    states = Counter(row.state for row in rows)
    counted = table(("state", "cases"), [(state, str(count)) for state, count in sorted(states.items())])
    taken = table(_FIGURES, [_line(each) for each in turnaround(rows)])
    appealed = Counter(row.appeals for row in rows if row.appeals)
    latest = sorted(rows, key=lambda row: row.last_at, reverse=True)[:most]
    cases = table(_CASES, [_case(row, appealed[row.case]) for row in latest])
    left = f"\n… and {len(rows) - most} more" if len(rows) > most else ""
    return f"{counted}\n\n{taken}\n\n{cases}{left}"


async def _show(board: Board, *, follow: bool) -> None:
    log = KafkaLog(brokers(settings()))
    try:
        begin = time.monotonic()
        _print(board, await board.update(log), time.monotonic() - begin)
        while follow:
            await asyncio.sleep(PAUSE)
            if taken := await board.update(log):
                _print(board, taken, PAUSE)
    finally:
        await log.aclose()


def _print(board: Board, taken: int, seconds: float) -> None:
    unreadable = f", {board.unreadable()} unreadable in all" if board.unreadable() else ""
    print(f"{report(board.rows())}\n\n{taken} records read in {seconds:.1f} s{unreadable}\n", flush=True)


def _line(each: Turnaround) -> tuple[str, ...]:
    counts = (str(each.requests), str(each.decided), str(each.on_time))
    return (each.line_of_business, each.urgency, *counts, *map(_took, (each.mean, each.median, each.ninetieth)))


def _case(row: Row, appeals: int) -> tuple[str, ...]:
    on_time = {True: "yes", False: "no", None: NONE}[row.on_time]
    return (
        row.case,
        row.state,
        row.line_of_business or NONE,
        row.urgency or NONE,
        f"{row.due:%Y-%m-%d %H:%M}" if row.due else NONE,
        f"{row.decided_at:%Y-%m-%d %H:%M}" if row.decided_at else NONE,
        _took(row.hours),
        on_time,
        str(appeals) if appeals else NONE,
    )


def _took(hours: float | None) -> str:
    """In the unit that a person would say."""
    if hours is None:
        return NONE
    for unit, each in (("d", 24.0), ("h", 1.0), ("min", 1 / 60)):
        if hours >= 2 * each:
            return f"{hours / each:.1f} {unit}"
    return f"{hours * 3600:.1f} s"
