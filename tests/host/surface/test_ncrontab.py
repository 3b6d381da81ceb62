"""Schedules of timer triggers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from host.ncrontab import parse_schedule

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)  # a Monday
NEW_YORK = ZoneInfo("America/New_York")


def times(text: str, count: int, after: datetime = START, zone: ZoneInfo | None = None) -> list[str]:
    schedule = parse_schedule(text, zone or UTC)
    found = list[str]()
    for _ in range(count):
        after = schedule.next_after(after)
        found.append(after.strftime("%m-%dT%H:%M:%S"))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 */5 * * * *", ["01-05T09:05:00", "01-05T09:10:00"]),
        ("*/5 * * * *", ["01-05T09:05:00", "01-05T09:10:00"]),
        ("30 0 2 * * *", ["01-06T02:00:30", "01-07T02:00:30"]),
        ("0 0 9-17 * * MON-FRI", ["01-05T10:00:00", "01-05T11:00:00"]),
        ("0 0 9 * * 0,sat", ["01-10T09:00:00", "01-11T09:00:00"]),
        ("0 30 9 1 Feb,march *", ["02-01T09:30:00", "03-01T09:30:00"]),
        ("15/20 59 23 31 12 *", ["12-31T23:59:15", "12-31T23:59:35"]),
        ("0 0 0 29 2 *", ["02-29T00:00:00", "02-29T00:00:00"]),
        ("10-20/5 0 0 * * Tuesday", ["01-06T00:00:10", "01-06T00:00:15"]),
        ("01:30:00", ["01-05T10:30:00", "01-05T12:00:00"]),
        ("1.00:00:00", ["01-06T09:00:00", "01-07T09:00:00"]),
        ("24:00:00", ["01-29T09:00:00", "02-22T09:00:00"]),
    ],
)
def test_next(text: str, expected: list[str]) -> None:
    assert times(text, 2) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("* * *", "six fields"),
        ("60 * * * * *", "second takes 0 to 59"),
        ("0 0 0 0 * *", "day takes 1 to 31"),
        ("0 0 0 * foo *", "month takes"),
        ("0 0 5-2 * * *", "backwards"),
        ("0 */0 * * * *", "minute is malformed"),
        ("0 0 0 30 2 *", "never due"),
        ("00:00:00", "positive"),
        ("00:60:00", "minutes and seconds to 59"),
        ("often", "must have the form"),
    ],
)
def test_malformed_schedules_say_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_schedule(text)


def test_wall_time_follows_the_zone() -> None:
    before = datetime(2026, 3, 7, 12, 0, tzinfo=UTC)
    assert times("0 0 12 * * *", 2, before, NEW_YORK) == ["03-07T17:00:00", "03-08T16:00:00"]


def test_skipped_wall_time_is_not_due() -> None:
    before = datetime(2026, 3, 7, 12, 0, tzinfo=UTC)
    assert times("0 30 2 * * *", 1, before, NEW_YORK) == ["03-09T06:30:00"]


def test_repeated_wall_time_is_due_once() -> None:
    before = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)
    assert times("0 30 1 * * *", 2, before, NEW_YORK) == ["11-01T05:30:00", "11-02T06:30:00"]


def test_every_half_hour_goes_on_through_a_clock_change() -> None:
    before = datetime(2026, 11, 1, 5, 0, tzinfo=UTC)
    assert times("0 */30 * * * *", 4, before, NEW_YORK) == [
        "11-01T05:30:00",
        "11-01T06:00:00",
        "11-01T06:30:00",
        "11-01T07:00:00",
    ]


@given(st.integers(0, 366 * 86400), st.sampled_from(["7 */13 * * * *", "0 0 1-5/2 * * 1"]))
def test_instants_rise(seconds: int, text: str) -> None:
    schedule = parse_schedule(text, NEW_YORK)
    moment = START + timedelta(seconds=seconds)
    first = schedule.next_after(moment)
    for earlier, later in pairwise([moment, first, schedule.next_after(first)]):
        assert timedelta() < later - earlier < timedelta(days=9)
