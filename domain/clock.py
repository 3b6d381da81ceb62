"""Deadlines by calendar: pure functions, to be called in activities (calendars and time zones change between replays).

Instants are aware and in UTC; days are counted in the plan's time zone. Sources: 42 CFR 422.568, 422.572, 438.210(d),
29 CFR 2560.503-1; what a policy says comes from the ruleset ``clock-policy``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib import resources
from importlib.metadata import version
from zoneinfo import ZoneInfo

from domain.errors import Conflict, Defect
from domain.facts import ClockPolicy, ClockUnit

PERCENTS = (50, 75, 90)
"""How far gone the time is when an open case escalates."""
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a decision is due, and by which data that was computed."""

    due: datetime
    """The last instant, UTC."""
    zone: str
    """IANA name of the plan's time zone."""
    calendar: str
    """Names and versions of the time-zone data and of the holiday calendar."""
    row: str
    """Row of the clock policy."""


def due(received_at: datetime, policy: ClockPolicy, zone: str, state: str | None = None) -> Deadline:
    """The deadline of a request received at ``received_at``.

    Hours are elapsed hours, whatever local clocks do. Days start to count on the day after receipt and end with the
    last second of the last one. Business days skip weekends and the holidays of the US and of ``state`` (USPS code).
    Raises ``Defect('clock-time')`` when ``received_at`` has no time zone, ``Defect('clock-zone')`` for an unknown zone.
    """
    return Deadline(
        due=_after(received_at, policy.duration, policy.unit, zone, state),
        zone=zone,
        calendar=calendar(state if policy.unit is ClockUnit.BUSINESS_DAYS else None),
        row=policy.row,
    )


def milestones(received_at: datetime, due_at: datetime) -> tuple[tuple[int, datetime], ...]:
    """``(percent, instant)`` at 50, 75 and 90 % of the elapsed time between receipt and deadline."""
    whole = due_at.astimezone(UTC) - received_at.astimezone(UTC)
    return tuple((percent, received_at.astimezone(UTC) + whole * percent / 100) for percent in PERCENTS)


def prolong(deadline: Deadline, stood_still: timedelta) -> Deadline:
    """The deadline after the clock stood still for ``stood_still`` (tolling)."""
    return replace(deadline, due=deadline.due + stood_still)


def extend(deadline: Deadline, days: int, policy: ClockPolicy) -> Deadline:
    """The deadline with an extension of ``days`` calendar days.

    Raises ``Conflict('extension')`` when the policy has no extension that long. The caller checks that it is the first.
    """
    if not 0 < days <= policy.extension_days:
        raise Conflict("extension", f"the policy allows an extension of at most {policy.extension_days} days")
    if policy.unit is ClockUnit.HOURS:
        return replace(deadline, due=deadline.due + days * _DAY)
    local = deadline.due.astimezone(_zone(deadline.zone)).date()
    return replace(deadline, due=_last_instant(local + days * _DAY, deadline.zone))


def appeal_until(noticed_at: datetime, policy: ClockPolicy, zone: str) -> datetime:
    """The last instant (UTC) at which an appeal may be filed after a notice."""
    return _after(noticed_at, policy.appeal_days, ClockUnit.CALENDAR_DAYS, zone, None)


def received_on(received_at: datetime, zone: str) -> date:
    """The day of receipt where the plan is."""
    return received_at.astimezone(_zone(zone)).date()


@lru_cache(maxsize=64)
def calendar(state: str | None) -> str:
    """What deadlines are computed with: ``tzdata 2026.6`` and, for business days, ``holidays 0.109 US-NY``."""
    zones = f"tzdata {version('tzdata')}"
    return zones if state is None else f"{zones}; holidays {version('holidays')} US-{state}"


def _after(start: datetime, count: int, unit: ClockUnit, zone: str, state: str | None) -> datetime:
    if start.tzinfo is None:
        raise Defect("clock-time", "an instant needs a time zone")
    if unit is ClockUnit.HOURS:
        # In UTC: adding to a local time would be an hour off across a clock change.
        return start.astimezone(UTC) + timedelta(hours=count)
    day = received_on(start, zone)
    if unit is ClockUnit.BUSINESS_DAYS:
        return _last_instant(_business_day(day, count, state), zone)
    return _last_instant(day + count * _DAY, zone)


def _last_instant(day: date, zone: str) -> datetime:
    return datetime.combine(day + _DAY, time(), _zone(zone)).astimezone(UTC) - _SECOND


def _business_day(day: date, count: int, state: str | None) -> date:
    # Imported here: the calendars of all countries take a quarter of a second to import.
    from holidays import country_holidays

    free = country_holidays("US", subdiv=state)
    while count:
        day += _DAY
        if day.weekday() < _SATURDAY and day not in free:
            count -= 1
    return day


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    """The zone from the pinned tzdata package, not from the machine: its version stands beside the deadline."""
    try:
        with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (OSError, ValueError):
        raise Defect("clock-zone", "the plan's time zone is no IANA zone") from None
