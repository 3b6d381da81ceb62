"""Deadlines: elapsed hours, calendar days and business days, across clock changes and holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import clock
from domain.errors import Conflict, Defect
from domain.facts import ClockPolicy

NEW_YORK = "America/New_York"
RECEIVED = datetime.fromisoformat("2026-10-30T15:00:00-04:00")
"""Two days before the clocks go back."""


def policy(**changes: Any) -> ClockPolicy:
    values: dict[str, Any] = {
        "row": "ROW",
        "duration": 72,
        "unit": "hours",
        "tolling": "runs",
        "extension_days": 14,
        "expiry": "late",
        "appeal_days": 65,
        "information_hours": 24,
        "source": "42 CFR 422.572",
    }
    return ClockPolicy(**values | changes)


def local(at: datetime, zone: str = NEW_YORK) -> str:
    return at.astimezone(ZoneInfo(zone)).isoformat()


def test_seventy_two_hours_are_elapsed_hours() -> None:
    deadline = clock.due(RECEIVED, policy(), NEW_YORK)
    assert local(deadline.due) == "2026-11-02T14:00:00-05:00"
    assert deadline.due - RECEIVED == timedelta(hours=72)
    assert deadline.due.tzinfo is UTC
    assert (deadline.zone, deadline.row) == (NEW_YORK, "ROW")


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-10-30T15:00:00-04:00", "2026-11-06T23:59:59-05:00"),
        ("2026-10-30T00:00:00-04:00", "2026-11-06T23:59:59-05:00"),
        ("2026-10-30T23:59:59-04:00", "2026-11-06T23:59:59-05:00"),
        # 03:00 UTC is still the day before where the plan is.
        ("2026-10-31T03:00:00+00:00", "2026-11-06T23:59:59-05:00"),
        # Spring forward.
        ("2027-03-10T12:00:00-05:00", "2027-03-17T23:59:59-04:00"),
    ],
)
def test_calendar_days_count_after_the_day_of_receipt_to_the_last_second(received: str, due: str) -> None:
    deadline = clock.due(datetime.fromisoformat(received), policy(duration=7, unit="calendar-days"), NEW_YORK)
    assert local(deadline.due) == due


def test_business_days_skip_weekends_and_holidays() -> None:
    """2026-11-26 is Thanksgiving, 2026-11-28/29 a weekend."""
    received = datetime.fromisoformat("2026-11-24T15:00:00-05:00")
    deadline = clock.due(received, policy(duration=3, unit="business-days"), NEW_YORK, "NY")
    assert local(deadline.due) == "2026-11-30T23:59:59-05:00"
    assert "US-NY" in deadline.calendar


def test_state_holidays_count() -> None:
    """Cesar Chavez Day (31 March) is a holiday in California, not in New York."""
    received = datetime.fromisoformat("2027-03-30T12:00:00-07:00")
    rule = policy(duration=1, unit="business-days")
    assert local(clock.due(received, rule, NEW_YORK, "NY").due).startswith("2027-03-31")
    assert local(clock.due(received, rule, "America/Los_Angeles", "CA").due, "America/Los_Angeles").startswith(
        "2027-04-01"
    )


def test_the_data_of_the_calendar_is_named_with_its_version() -> None:
    assert clock.due(RECEIVED, policy(), NEW_YORK, "NY").calendar.startswith("tzdata 20")
    assert "holidays" not in clock.due(RECEIVED, policy(), NEW_YORK, "NY").calendar


def test_an_instant_needs_a_zone_and_a_zone_must_exist() -> None:
    with pytest.raises(Defect, match="clock-time"):
        clock.due(RECEIVED.replace(tzinfo=None), policy(), NEW_YORK)
    for zone in ("America/Gotham", "../../etc/passwd", ""):
        with pytest.raises(Defect, match="clock-zone"):
            clock.due(RECEIVED, policy(unit="calendar-days"), zone)


def test_milestones_are_shares_of_elapsed_time() -> None:
    due = RECEIVED + timedelta(hours=72)
    assert [(percent, at - RECEIVED) for percent, at in clock.milestones(RECEIVED, due)] == [
        (50, timedelta(hours=36)),
        (75, timedelta(hours=54)),
        (90, timedelta(hours=64.8)),
    ]


def test_tolling_moves_the_deadline_by_as_long_as_the_clock_stood_still() -> None:
    deadline = clock.due(RECEIVED, policy(), NEW_YORK)
    longer = clock.prolong(deadline, timedelta(hours=5))
    assert longer.due - deadline.due == timedelta(hours=5)
    assert longer.row == deadline.row


def test_an_extension_adds_calendar_days() -> None:
    rule = policy(duration=7, unit="calendar-days")
    deadline = clock.extend(clock.due(RECEIVED, rule, NEW_YORK), 14, rule)
    assert local(deadline.due) == "2026-11-20T23:59:59-05:00"
    hours = clock.extend(clock.due(RECEIVED, policy(), NEW_YORK), 14, policy())
    assert hours.due - RECEIVED == timedelta(hours=72, days=14)


@pytest.mark.parametrize("days", [0, -1, 15])
def test_an_extension_is_within_the_policy(days: int) -> None:
    with pytest.raises(Conflict, match="extension"):
        clock.extend(clock.due(RECEIVED, policy(), NEW_YORK), days, policy())


def test_an_appeal_may_be_filed_until_the_end_of_the_last_day() -> None:
    noticed = datetime.fromisoformat("2026-11-23T10:00:00-05:00")
    assert local(clock.appeal_until(noticed, policy(), NEW_YORK)) == "2027-01-27T23:59:59-05:00"


def test_the_day_of_receipt_is_the_plans() -> None:
    assert clock.received_on(datetime(2026, 11, 24, 3, tzinfo=UTC), NEW_YORK) == date(2026, 11, 23)


instants = st.datetimes(datetime(2020, 1, 1), datetime(2036, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
zones = st.sampled_from([NEW_YORK, "America/Phoenix", "Pacific/Honolulu", "America/Puerto_Rico", "Pacific/Guam"])


@given(instants, zones, st.integers(1, 60))
def test_days_end_with_the_last_second_of_a_day_of_the_plan(received: datetime, zone: str, days: int) -> None:
    due = clock.due(received, policy(duration=days, unit="calendar-days"), zone).due.astimezone(ZoneInfo(zone))
    assert (due.hour, due.minute, due.second) == (23, 59, 59)
    assert due.date() - received.astimezone(ZoneInfo(zone)).date() == timedelta(days=days)


@given(instants, zones, st.integers(1, 10))
def test_business_days_never_end_sooner_than_calendar_days(received: datetime, zone: str, days: int) -> None:
    working = clock.due(received, policy(duration=days, unit="business-days"), zone, "NY").due
    assert working >= clock.due(received, policy(duration=days, unit="calendar-days"), zone).due
    assert working.astimezone(ZoneInfo(zone)).weekday() < 5
