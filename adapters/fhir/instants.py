"""FHIR dates as the span of time that they mean: ``2026-12`` is a month, ``2026-12-01T10:00Z`` a minute.

https://hl7.org/fhir/R4/search.html#date
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from domain.errors import Defect

_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
_END: Final = datetime.max.replace(tzinfo=UTC)


class Range(NamedTuple):
    """From ``start`` to ``end``, both included."""

    start: datetime
    end: datetime


def precise(value: Any) -> Range:
    """The span of a date, dateTime, instant or Period. A value without a time zone is taken as UTC."""
    if isinstance(value, dict):
        start = precise(value["start"]).start if "start" in value else _BEGINNING
        return Range(start, precise(value["end"]).end if "end" in value else _END)
    text = str(value)
    try:
        if len(text) == 4:
            return Range(_day(f"{text}-01-01").start, _day(f"{text}-12-31").end)
        if len(text) == 7:
            last = monthrange(int(text[:4]), int(text[5:]))[1]
            return Range(_day(f"{text}-01").start, _day(f"{text}-{last}").end)
        if len(text) == 10:
            return _day(text)
        start = datetime.fromisoformat(text)
    except ValueError:
        raise Defect("fhir-refused", "a date is not a FHIR date") from None
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    step = timedelta(milliseconds=1) if "." in text else timedelta(seconds=1)
    return Range(start, start + step - timedelta(microseconds=1))


def compare(has: Range, wanted: str) -> bool:
    """Whether ``has`` stands to ``wanted`` as its prefix says (``eq`` when there is none)."""
    prefix, text = (wanted[:2], wanted[2:]) if wanted[:2].isalpha() else ("eq", wanted)
    limit = precise(text)
    if prefix == "eq":
        return limit.start <= has.start and has.end <= limit.end
    if prefix == "lt":
        return has.start < limit.start
    if prefix == "gt":
        return has.end > limit.end
    if prefix == "le":
        return has.start <= limit.end
    if prefix == "ge":
        return has.end >= limit.start
    raise Defect("fhir-refused", f"date prefix {prefix} is not supported")


def _day(text: str) -> Range:
    start = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return Range(start, start + timedelta(days=1, microseconds=-1))
