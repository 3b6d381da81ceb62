"""Deliver events again, by time or by offsets: ``python -m events replay``. A dry run unless it is told to go.

The tool finds and names records; the engine reads and delivers them (``POST /replays``). What was done before is
found done, so that a run that was broken off is simply given again.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from adapters.events.base import Log, Position, Record
from adapters.events.kafka_log import KafkaLog
from adapters.events.security import brokers
from domain.errors import NotFound, Unavailable
from domain.events.catalog import BY_NAME, INCOMING
from domain.events.cloud_event import PREFIX, header
from domain.events.letters import lane_of
from events.engine_door import Delivered, EngineDoor, token
from events.errors import EventsError
from events.ranges import Ranges, Wanted, by_offsets, by_time, matching, read_offsets, read_time
from events.table import table
from settings import settings

MANY: Final = 50
"""Records of one request to the engine."""
AT_ONCE: Final = 4
"""Partitions under way at once: the engine has other work."""
SHOWN: Final = 20
"""Rows of the table."""
_HEADINGS: Final = ("record", "appended (UTC)", "type", "hash of key", "outcome", "case or reason")


@dataclass(slots=True)
class Report:
    """What a run found and did."""

    counts: Counter[str] = field(default_factory=Counter)
    """By outcome; those rejected by their reason."""
    rows: dict[Position, tuple[str, ...]] = field(default_factory=dict)
    """The first records, and the first that were rejected."""
    read: int = 0
    """Offsets that were passed."""

    @property
    def rejected(self) -> int:
        """How many records nobody could take."""
        return sum(count for outcome, count in self.counts.items() if outcome.startswith("rejected"))

    def add(self, record: Record, delivered: Delivered) -> None:
        """Count one."""
        outcome = f"rejected: {delivered.reason}" if delivered.reason else delivered.kind
        self.counts[outcome] += 1
        if len(self.rows) < SHOWN or (delivered.reason and self.counts[outcome] <= SHOWN):
            self.rows[record.at] = _row(record, delivered)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("topic", choices=[topic.value for topic in INCOMING])
    parser.add_argument("--from", dest="since", help="ISO 8601 with zone, or how long ago: --from=-2h")
    parser.add_argument("--to", dest="until", help="as --from; what the broker took before it")
    parser.add_argument("--offsets", help="instead of times: partition:first-last, with commas between")
    parser.add_argument("--type", help="CloudEvents type; a * at its end for all that begin so")
    parser.add_argument("--source", help="CloudEvents source")
    parser.add_argument("--subject", help="CloudEvents subject")
    parser.add_argument("--key", help="the records' key, or the hash of it that tables and letters tell")
    parser.add_argument("--go", action="store_true", help="deliver; without it, only tell what would be done")
    parser.add_argument("--run", help="names the run in the engine's log; made up when it is not given")
    parser.add_argument("--url", help="of the engine (WORKFLOW_PUBLIC_URL)")
    parser.add_argument("--data", type=Path, default=Path(".data"), help="of the engine, for its local tokens")
    parser.add_argument("--as", dest="who", default="operator-park", help="local identity of an operator")


def run(parsed: argparse.Namespace) -> int:
    """deliver events again, by time or by offsets; a dry run without --go"""
    if parsed.offsets and (parsed.since or parsed.until):
        raise EventsError("Give a range of times or of offsets, not both.")
    try:
        report = asyncio.run(_run(parsed))
    except Unavailable:
        raise EventsError(f"No broker answers at {settings().kafka_brokers}: start it with make run.") from None
    except NotFound:
        raise EventsError(f"There is no topic {parsed.topic} yet: make topics creates it.") from None
    return 1 if report.rejected else 0


async def _run(parsed: argparse.Namespace) -> Report:
    now = datetime.now(UTC)
    name = parsed.run or f"replay-{now:%Y%m%dT%H%M%S}"
    wanted = Wanted(parsed.type, parsed.source, parsed.subject, parsed.key)
    log = KafkaLog(brokers(settings()))
    try:
        if parsed.offsets:
            ranges = await by_offsets(log, parsed.topic, read_offsets(parsed.offsets))
        else:
            times = (read_time(each, now) if each else None for each in (parsed.since, parsed.until))
            ranges = await by_time(log, parsed.topic, *times)
        print(f"{'Replay' if parsed.go else 'Dry run'} {name} of {parsed.topic}: {_told(ranges)}")
        url = parsed.url or str(settings().public_url).rstrip("/")
        async with EngineDoor(url, token(parsed.data, parsed.who)) as engine:
            report = await drive(log, engine, parsed.topic, ranges, wanted, name, dry=not parsed.go)
    finally:
        await log.aclose()
    print(told(report, dry=not parsed.go))
    return report


async def drive(
    log: Log, engine: EngineDoor, topic: str, ranges: Ranges, wanted: Wanted, name: str, *, dry: bool
) -> Report:
    """Have the wanted records of the ranges delivered, in order within a partition; ``dry``: only judged."""
    report, total, free = Report(), sum(end - start for start, end in ranges.values()), asyncio.Semaphore(AT_ONCE)

    async def partition(number: int, start: int, end: int) -> None:
        async with free:
            async for records, upto in matching(log, topic, number, start, end, wanted):
                for n in range(0, len(records), MANY):
                    some = records[n : n + MANY]
                    for record, delivered in zip(
                        some, await engine.replay(name, [each.at for each in some], dry=dry), strict=True
                    ):
                        report.add(record, delivered)
                report.read += upto - start
                start = upto
                _progress(f"{report.read} of {total} offsets read, {report.counts.total()} records delivered")

    try:
        async with asyncio.TaskGroup() as group:
            for number, (start, end) in sorted(ranges.items()):
                group.create_task(partition(number, start, end))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    finally:
        _progress("")
    return report


def told(report: Report, *, dry: bool) -> str:
    """The report as text."""
    counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(report.counts.items())) or "no record matches"
    shown = f"{table(_HEADINGS, [report.rows[at] for at in sorted(report.rows, key=_place)])}\n" if report.rows else ""
    hint = "\nNothing was done; the same with GO=1 (--go) delivers them." if dry and report.counts else ""
    return f"{shown}{counts}{hint}"


def _place(at: Position) -> tuple[int, int]:
    return at.partition, at.offset


def _told(ranges: Ranges) -> str:
    parts = [f"{partition}:{start}-{end - 1}" for partition, (start, end) in ranges.items() if end > start]
    count = sum(end - start for start, end in ranges.values())
    return f"{count} offset{'' if count == 1 else 's'} ({', '.join(parts) or 'empty'})"


def _row(record: Record, delivered: Delivered) -> tuple[str, ...]:
    """Names and numbers only: a key may say who somebody is, and so may what a stranger calls a type."""
    kind = header(record.headers, f"{PREFIX}type")
    where = f"{record.at.partition}:{record.at.offset}"
    known = kind if kind in BY_NAME else "(unknown)" if kind else "(none)"
    why = " ".join(filter(None, (delivered.reason, *delivered.places)))
    return (
        where,
        f"{record.appended:%Y-%m-%d %H:%M:%S}",
        known,
        lane_of(record.key) or "-",
        delivered.kind,
        delivered.case or why or "-",
    )


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
