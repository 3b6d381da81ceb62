"""Rows of the SQLite store from and to what they mean."""

from __future__ import annotations

import json
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from typing import Any

from host.model import EntityStatus, InstanceStatus, Parent, Status
from host.store.base import Activity, ActivityKey, Timer
from host.store.rows import failure_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Row = tuple[Any, ...]


def micros(when: datetime | None) -> int | None:
    """Microseconds since 1970; inverse of ``time_of``."""
    return None if when is None else (when - EPOCH) // timedelta(microseconds=1)


def time_of(micros: int) -> datetime:
    """Inverse of ``micros``."""
    return EPOCH + timedelta(microseconds=micros)


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(astuple(value))


def instance_row(instance: InstanceStatus) -> dict[str, Any]:
    """Inverse of ``instance_of``."""
    return {
        "id": instance.instance_id,
        "execution": instance.execution_id,
        "name": instance.name,
        "version": instance.version,
        "status": instance.status,
        "created": micros(instance.created),
        "updated": micros(instance.updated),
        "input": instance.input,
        "output": instance.output,
        "custom_status": instance.custom_status,
        "parent": _json(instance.parent),
        "traceparent": instance.traceparent,
        "failure": _json(instance.failure),
        "waits": json.dumps(dict(instance.waits)),
        "blocked": instance.blocked,
    }


def instance_of(row: Row) -> InstanceStatus:
    """From a row of ``instances``."""
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
    )


def entity_of(row: Row) -> EntityStatus:
    """From a row of ``entities``."""
    name, _, key = row[0][1:].partition("@")
    return EntityStatus(name=name, key=key, state=row[1], updated=time_of(row[2]))


def key_row(key: ActivityKey) -> dict[str, Any]:
    """Named parameters."""
    return {"instance": key.instance, "execution": key.execution, "task": key.task}


def activity_row(activity: Activity) -> dict[str, Any]:
    """Inverse of ``activity_of``."""
    more = {"name": activity.name, "input": activity.input, "traceparent": activity.traceparent}
    return key_row(activity.key) | more


def activity_of(row: Row) -> Activity:
    """From a row of ``activities``."""
    return Activity(ActivityKey(row[0], row[1], row[2]), row[3], row[4], row[5])


def timer_row(timer: Timer) -> dict[str, Any]:
    """Inverse of ``timer_of``."""
    return {
        "instance": timer.instance,
        "task": timer.task,
        "execution": timer.execution,
        "due": micros(timer.due),
    }


def timer_of(row: Row) -> Timer:
    """From a row of ``timers``."""
    return Timer(row[0], row[1], row[2], time_of(row[3]))
