"""How an instance comes into being."""

from __future__ import annotations

import uuid
from datetime import datetime

from host.model import Event, EventKind, InstanceStatus, Parent, Status
from host.store.base import Message, Start


def started(instance: InstanceStatus, at: datetime) -> Event:
    """First message to an instance."""
    return Event(
        kind=EventKind.EXECUTION_STARTED,
        at=at,
        name=instance.name,
        version=instance.version,
        text=instance.input,
        instance=instance.instance_id,
        execution=instance.execution_id,
        parent=instance.parent,
        traceparent=instance.traceparent,
    )


def new_start(
    name: str,
    text: str | None,
    instance_id: str,
    version: str,
    at: datetime,
    traceparent: str | None = None,
    parent: Parent | None = None,
    if_running: Message | None = None,
) -> Start:
    """A new instance with its first message."""
    instance = InstanceStatus(
        instance_id=instance_id,
        execution_id=uuid.uuid4().hex,
        name=name,
        version=version,
        status=Status.PENDING,
        created=at,
        updated=at,
        input=text,
        parent=parent,
        traceparent=traceparent,
    )
    return Start(instance, started(instance, at), if_running=if_running)
