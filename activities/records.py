"""The case record in a step: read, and written back with what the step changed."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from activities.step import Work
from domain.cases import EXPIRED, CaseRecord, CaseState, changed_case, read_case, with_rules
from domain.json import Resource


async def read_record(work: Work[Any]) -> CaseRecord:
    """The case's record as it stands."""
    return read_case(await work.unit.read(work.envelope.case.record))


async def change_record(work: Work[Any], record: CaseRecord, **changes: Any) -> Resource:
    """Put the record with ``changes`` into this step's transaction; the deadline is stored with it.

    If-Match is the version of ``record``, on which the step decided what to do: what a door wrote since is not
    overwritten, and of two runs of one step (a server that hung may still commit the first) only one writes.
    """
    before = await work.unit.read(work.envelope.case.record)
    after = with_rules(changed_case(before, due=work.envelope.due, **changes), work.envelope.fired)
    work.unit.update(after, if_match=record.version)
    return after


def unless_expired(record: CaseRecord, state: CaseState) -> CaseState:
    """``state``, but a case whose clock ran out stays what it became until a person decides it."""
    return record.state if record.state in EXPIRED else state


def plan_zone(work: Work[Any], record: CaseRecord) -> ZoneInfo:
    """The time zone in which the plan counted days when the request came."""
    return ZoneInfo(record.zone or work.to.settings.plan_zone)
