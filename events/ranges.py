"""Which records a replay is about: ranges of offsets by partition, and a filter that looks at headers alone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from adapters.events.base import Log, Record
from domain.events.cloud_event import PREFIX, header
from domain.events.letters import lane_of
from events.errors import EventsError

BATCH: Final = 500
Ranges = Mapping[int, tuple[int, int]]
"""Partition -> first offset, and the one after the last."""
Offsets = Mapping[int | None, tuple[int, int | None]]
"""As ``Ranges``, with ``None`` for every partition and for the end."""
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the headers of a record must say. ``None``: anything."""

    type: str | None = None
    """CloudEvents type; with ``*`` at its end: all types that begin so."""
    source: str | None = None
    subject: str | None = None
    key: str | None = None
    """The record's key, or the hash of it that dead letters and tables tell (``domain.events.letters.lane_of``)."""

    def admits(self, record: Record) -> bool:
        """Whether the record is wanted; its value is not looked at."""
        return (
            _matches(self.type, header(record.headers, f"{PREFIX}type"))
            and self.source in (None, header(record.headers, f"{PREFIX}source"))
            and self.subject in (None, header(record.headers, f"{PREFIX}subject"))
            and (self.key is None or record.key == self.key.encode() or lane_of(record.key) == self.key)
        )


def _matches(wanted: str | None, found: str | None) -> bool:
    if wanted is None or found is None:
        return wanted is None
    return found.startswith(wanted[:-1]) if wanted.endswith("*") else found == wanted


def read_time(text: str, now: datetime) -> datetime:
    """An ISO 8601 instant with its zone, or how long ago: ``-90s``, ``-30m``, ``-2h``, ``-7d``. Raises
    ``EventsError``."""
    ago = re.fullmatch(r"-(\d{1,6})([smhd])", text)
    try:
        when = now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}) if ago else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        when = None
    if when is None or when.tzinfo is None:
        raise EventsError("Give a time with its zone, such as 2026-11-23T14:00:00Z, or how long ago, such as -2h.")
    return when


def read_offsets(text: str) -> Offsets:
    """Ranges such as ``0:17`` (one record), ``1:40-60`` (both ends are meant), ``2:100-`` (to the end); without a
    partition: of every one. Several with commas between. Raises ``EventsError``."""
    offsets: dict[int | None, tuple[int, int | None]] = {}
    for part in text.split(","):
        found = re.fullmatch(r"(?:(\d{1,9}):)?(\d{1,18})(-)?(\d{1,18})?", part.strip())
        partition = int(found[1]) if found and found[1] else None
        if found is None or (found[4] and not found[3]) or partition in offsets:
            raise EventsError(
                "Give offsets as partition:first-last, such as 0:17 or 0:17-20,1:40-, each partition once."
            )
        first = int(found[2])
        offsets[partition] = (first, int(found[4]) + 1 if found[4] else None if found[3] else first + 1)
    return offsets


async def by_offsets(log: Log, topic: str, offsets: Offsets) -> Ranges:
    """The ranges, cut to what the log has. Raises ``EventsError`` for a partition that it has not."""
    bounds = await log.bounds(topic)
    if unknown := [each for each in offsets if each is not None and each not in bounds]:
        raise EventsError(f"{topic} has no partition {unknown[0]}: it has {len(bounds)}, from 0.")
    ranges = {}
    for partition, (first, end) in sorted(bounds.items()):
        asked = offsets.get(partition, offsets.get(None))
        if asked is not None:
            start = max(asked[0], first)
            ranges[partition] = (start, max(start, end if asked[1] is None else min(asked[1], end)))
    return ranges


async def by_time(log: Log, topic: str, since: datetime | None, until: datetime | None) -> Ranges:
    """What the broker took at ``since`` or later and before ``until``; ``None``: all that is kept, all until now."""
    bounds = await log.bounds(topic)
    starts = await log.offsets_at(topic, since) if since else {}
    ends = await log.offsets_at(topic, until) if until else {}
    return {
        partition: (start := starts.get(partition, first), max(start, ends.get(partition, end)))
        for partition, (first, end) in sorted(bounds.items())
    }


async def matching(
    log: Log, topic: str, partition: int, start: int, end: int, wanted: Wanted
) -> AsyncIterator[tuple[list[Record], int]]:
    """The records of a range that are wanted, in order, a batch at a time, each with the offset that is read next."""
    while start < end:
        records = await log.read(topic, partition, start, end, BATCH)
        start = records[-1].at.offset + 1 if records else end
        yield [record for record in records if wanted.admits(record)], start
