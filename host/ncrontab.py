"""When a timer trigger is due: NCRONTAB expressions and TimeSpans.

Six fields, ``{second} {minute} {hour} {day} {month} {day-of-week}`` (five: at second 0), with ``*``, lists, ranges,
steps and English names; day and day-of-week must both match. A TimeSpan is the time between two runs. Reference:
https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Protocol

from host.timespan import parse_timespan

_MONTHS = ("january", "february", "march", "april", "may", "june",
           "july", "august", "september", "october", "november", "december")  # fmt: skip
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _DAYS),
)
_ITEM = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")
_HORIZON = timedelta(days=366 * 8)
"""Leap days come every 4 years, once every 8: what is not due by then never is."""


class Schedule(Protocol):
    """A rule of recurrence."""

    def next_after(self, after: datetime) -> datetime:
        """The first instant strictly after ``after``, in UTC.

        Raises:
            ValueError: There is none.
        """


@dataclass(frozen=True)
class Interval:
    """Every so often."""

    span: timedelta

    def next_after(self, after: datetime) -> datetime:
        """``span`` later."""
        try:
            return after.astimezone(UTC) + self.span
        except OverflowError:
            raise ValueError("is never due") from None


@dataclass(frozen=True)
class Cron:
    """An NCRONTAB expression in a time zone.

    A wall time that a clock change skips is not due on that day; one that it repeats is due once, unless the expression
    is due every hour.
    """

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    zone: tzinfo = UTC

    def next_after(self, after: datetime) -> datetime:
        """The first instant strictly after ``after``; there is none of 30 February."""
        moment = after.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        while moment - after < _HORIZON:
            jump = self._jump(moment.astimezone(self.zone), moment)
            if jump is None:
                return moment
            moment = jump
        raise ValueError("is never due")

    def _jump(self, local: datetime, moment: datetime) -> datetime | None:
        """None if it is due now; else the next instant worth looking at."""
        if local.month not in self.months or local.day not in self.days or local.isoweekday() % 7 not in self.weekdays:
            midnight = datetime.combine(local.date() + timedelta(days=1), time(), self.zone)
            return max(midnight.astimezone(UTC), moment + timedelta(seconds=1))
        if local.hour not in self.hours or (local.fold and len(self.hours) < 24):
            return moment + timedelta(seconds=3600 - local.minute * 60 - local.second)
        if local.minute not in self.minutes:
            return moment + timedelta(seconds=60 - local.second)
        return None if local.second in self.seconds else moment + timedelta(seconds=1)


def parse_schedule(text: str, zone: tzinfo = UTC) -> Schedule:
    """Parse the schedule of a timer trigger.

    Raises:
        ValueError: It is neither an NCRONTAB expression nor a TimeSpan; the message says which field is wrong.
    """
    fields = text.split()
    if len(fields) == 1:
        span = parse_timespan(text)
        if span <= timedelta():
            raise ValueError("a TimeSpan must be positive")
        return Interval(span)
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise ValueError("needs six fields: second minute hour day month day-of-week")
    values = [_values(field, *rule) for field, rule in zip(fields, _FIELDS, strict=True)]
    seconds, minutes, hours, days, months, weekdays = values
    schedule = Cron(seconds, minutes, hours, days, months, weekdays, zone)
    schedule.next_after(datetime(2024, 1, 1, tzinfo=UTC))
    return schedule


def _values(field: str, name: str, low: int, high: int, words: tuple[str, ...]) -> frozenset[int]:
    found: set[int] = set()
    for item in field.split(","):
        match = _ITEM.fullmatch(item)
        step = int(match["step"] or 1) if match else 0
        if match is None or step == 0:
            raise ValueError(f"the field {name} is malformed")
        if match["first"] == "*":
            first, last = low, high
        else:
            first = _number(match["first"], name, low, high, words)
            # "5/10" runs from 5 to the end of the field.
            last = _number(match["last"], name, low, high, words) if match["last"] else high if match["step"] else first
        if first > last:
            raise ValueError(f"the field {name} has a range that runs backwards")
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _number(text: str, name: str, low: int, high: int, words: tuple[str, ...]) -> int:
    for index, word in enumerate(words):
        if text.lower() in (word, word[:3]):
            return low + index
    if text.isdecimal() and low <= int(text) <= high:
        return int(text)
    raise ValueError(f"the field {name} takes {low} to {high}")
