"""Dates with a time, in the numeric forms that ``DateTime.TryParse`` of .NET takes with the invariant culture.

Year first or month first, and a time after ``T`` or blanks. .NET takes names of months, too, and parts of dates.
"""

from __future__ import annotations

import re
from datetime import date, time

_YEAR_FIRST = re.compile(r"(?P<year>\d{4})([-/])(?P<month>\d\d?)\2(?P<day>\d\d?)", re.ASCII)
_MONTH_FIRST = re.compile(r"(?P<month>\d\d?)([-/])(?P<day>\d\d?)\2(?P<year>\d{4})", re.ASCII)
_TIME = re.compile(
    r"(?:T| +)(?P<hour>\d\d?)(?::(?P<minute>\d\d?)(?::(?P<second>\d\d?)(?:\.\d+)?)?)? *(?P<half>[AP]M?)?"
    r" *(?:Z|GMT|[+-](?:0?\d|1[0-4])(?::?[0-5]\d)?)?",
    re.ASCII | re.IGNORECASE,
)


def is_datetime(text: str) -> bool:
    """Whether a text is such a date."""
    day = _YEAR_FIRST.match(text) or _MONTH_FIRST.match(text)
    if day is None:
        return False
    rest = text[day.end() :]
    try:
        date(int(day["year"]), int(day["month"]), int(day["day"]))
        return not rest or _is_time(rest)
    except ValueError:
        return False


def _is_time(text: str) -> bool:
    """Raises ValueError for numbers that are out of range."""
    found = _TIME.fullmatch(text)
    if found is None or not (found["minute"] or found["half"]):
        return False
    hour = int(found["hour"])
    time(hour, int(found["minute"] or 0), int(found["second"] or 0))
    return hour <= 12 or not found["half"]
