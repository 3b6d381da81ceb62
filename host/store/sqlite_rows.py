"""Rows of the SQLite store from and to what they mean."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from host.model import EntityStatus, InstanceStatus, Parent, Status
from host.store.base import Activity, ActivityKey, Timer
from host.store.rows import failure_of, failure_row, parent_row

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Row = tuple[Any, ...]


def micros(when: datetime) -> int:
    """Microseconds since 1970; inverse of ``time_of``."""
    return (when - EPOCH) // timedelta(microseconds=1)


def time_of(micros: int) -> datetime:
    """Inverse of ``micros``."""
    return EPOCH + timedelta(microseconds=micros)


def instance_row(instance: InstanceStatus) -> dict[str, Any]:
    """Named parameters; all but the input, which has a table of its own."""
    return {
        "id": instance.instance_id,
        "execution": instance.execution_id,
        "name": instance.name,
        "version": instance.version,
        "status": instance.status.value,
        "created": micros(instance.created),
        "updated": micros(instance.updated),
        "output": instance.output,
        "custom_status": instance.custom_status,
        "parent": json.dumps(parent_row(instance.parent)) if instance.parent else None,
        "traceparent": instance.traceparent,
        "failure": json.dumps(failure_row(instance.failure)) if instance.failure else None,
        "waits": json.dumps(dict(instance.waits)) if instance.waits else "{}",
        "blocked": instance.blocked,
        "tracestate": instance.tracestate,
    }


def instance_of(row: Row) -> InstanceStatus:
    """From a row of ``get_instance`` or ``query_instances``."""
    return InstanceStatus(
        instance_id=row[0],
        execution_id=row[1],
        name=row[2],
        version=row[3],
        status=Status(row[4]),
        created=time_of(row[5]),
        updated=time_of(row[6]),
        input=row[7],
        output=row[8],
        custom_status=row[9],
        parent=Parent(*json.loads(row[10])) if row[10] else None,
        traceparent=row[11],
        failure=failure_of(json.loads(row[12])) if row[12] else None,
        waits=json.loads(row[13]),
        blocked=row[14],
        tracestate=row[15],
    )


def entity_of(row: Row) -> EntityStatus:
    """From a row of ``entities``."""
    name, _, key = row[0][1:].partition("@")
    return EntityStatus(name=name, key=key, state=row[1], updated=time_of(row[2]))


def key_row(number: int, key: ActivityKey) -> dict[str, Any]:
    """Named parameters."""
    return {"number": number, "execution": key.execution, "task": key.task}


def activity_row(number: int, activity: Activity) -> dict[str, Any]:
    """Named parameters."""
    key = activity.key
    return {
        "number": number,
        "execution": key.execution,
        "task": key.task,
        "name": activity.name,
        "input": activity.input,
        "traceparent": activity.traceparent,
        "tracestate": activity.tracestate,
    }


def activity_of(row: Row) -> Activity:
    """From a row of ``get_activities``."""
    return Activity(ActivityKey(row[0], row[1], row[2]), row[3], row[4], row[5], row[6])


def timer_row(number: int, timer: Timer) -> dict[str, Any]:
    """Named parameters."""
    return {"number": number, "task": timer.task, "execution": timer.execution, "due": micros(timer.due)}


def timer_of(row: Row) -> Timer:
    """From a row of ``get_timers``."""
    return Timer(row[0], row[1], row[2], time_of(row[3]))
