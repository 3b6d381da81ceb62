"""A .NET TimeSpan, as host.json and schedules write it.

Read as ``TimeSpan.Parse`` reads it, by which Azure's host reads all of them:
https://learn.microsoft.com/dotnet/fundamentals/runtime-libraries/system-timespan-parse
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

_TIMESPAN = re.compile(r"(-)?(?:(\d+)\.)?(\d+(?::\d+){0,3})(?:\.(\d{1,7}))?", re.ASCII)
_LARGEST = (10_675_199, 23, 59, 59)
SHORTEST_LIMIT = timedelta(seconds=1)
_Parts = tuple[int, int, int, int]
"""Days, hours, minutes, seconds."""


def parse_timespan(text: str) -> timedelta:
    """``[-][d.]hh:mm[:ss[.fffffff]]``, or days alone. Of three parts, a first one of 24 or more is days.

    Raises:
        ValueError: The text has another form, or a part is too large.
    """
    match = _TIMESPAN.fullmatch(text.strip())
    sign, first, rest, fraction = match.groups() if match else (None, None, "", None)
    days = None if first is None else int(first)
    readings = list(_readings(days, [int(part) for part in rest.split(":") if part], fraction is not None))
    if not readings:
        raise ValueError("must have the form [d.]hh:mm:ss")
    fitting = (each for each in readings if all(part <= most for part, most in zip(each, _LARGEST, strict=True)))
    if (found := next(fitting, None)) is None:
        raise ValueError("takes hours to 23, minutes and seconds to 59")
    micros = int((fraction or "0").ljust(7, "0")) // 10
    span = timedelta(days=found[0], hours=found[1], minutes=found[2], seconds=found[3], microseconds=micros)
    return -span if sign else span


def parse_limit(text: str) -> timedelta:
    """A time limit of functions: https://learn.microsoft.com/azure/azure-functions/functions-host-json#functiontimeout.

    Raises:
        ValueError: As ``parse_timespan``, or it is less than Azure takes.
    """
    if (span := parse_timespan(text)) < SHORTEST_LIMIT:
        raise ValueError("must be 00:00:01 or more, or -1 for none")
    return span


def _readings(days: int | None, numbers: list[int], fraction: bool) -> Iterator[_Parts]:
    """What the numbers between the colons may mean, the first choice first. A fraction is one of seconds."""
    match days, numbers:
        case None, [d] if not fraction:
            yield d, 0, 0, 0
        case _, [h, m] if not fraction:
            yield days or 0, h, m, 0
        case _, [h, m, s]:
            yield days or 0, h, m, s
            if days is None and not fraction:
                yield h, m, s, 0
        case None, [d, h, m, s]:
            yield d, h, m, s
