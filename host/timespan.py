"""A .NET TimeSpan, as host.json and schedules write it."""

from __future__ import annotations

import re
from datetime import timedelta

_TIMESPAN = re.compile(r"^(-)?(?:(\d+)\.)?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,7}))?)?$")


def parse_timespan(text: str) -> timedelta:
    """A .NET TimeSpan in "c" format, ``[-][d.]hh:mm[:ss[.fffffff]]``.

    Raises:
        ValueError: The text has another form.
    """
    match = _TIMESPAN.match(text.strip())
    if match is None:
        raise ValueError("must have the form [d.]hh:mm:ss")
    sign, days, hours, minutes, seconds, fraction = match.groups()
    micros = int((fraction or "0").ljust(7, "0")) // 10
    span = timedelta(
        days=int(days or 0), hours=int(hours), minutes=int(minutes), seconds=int(seconds or 0), microseconds=micros
    )
    return -span if sign else span
