"""How an instance comes into being."""

from __future__ import annotations

import re
import uuid
from datetime import datetime

from host.errors import InvalidInstanceId, OwnChild
from host.model import Event, EventKind, InstanceStatus, Parent, Status
from host.store.base import Message, Start

_FORBIDDEN = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters are those of ``Char.IsControl`` of .NET; half a surrogate pair cannot be stored."""
OF_ENTITY = "An instance id must not begin with '@': such ids belong to entities."
LONGEST_ID = 256


def started(instance: InstanceStatus, at: datetime, *, raw: bool = False) -> Event:
    """First message to an instance. ``raw``: as in ``host.model.Event``."""
    return Event(
        kind=EventKind.EXECUTION_STARTED,
        at=at,
        name=instance.name,
        version=instance.version,
        text=instance.input,
        raw=raw,
        instance=instance.instance_id,
        execution=instance.execution_id,
        parent=instance.parent,
        traceparent=instance.traceparent,
        tracestate=instance.tracestate,
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
    *,
    raw: bool = False,
    tracestate: str | None = None,
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
        tracestate=tracestate,
    )
    return Start(instance, started(instance, at, raw=raw), if_running=if_running)


def checked(instance_id: str) -> str:
    """An id that a caller chose. Raises InvalidInstanceId by the rules of the Durable extension."""
    if not instance_id.strip():
        raise InvalidInstanceId("An instance id must not be empty.")
    if len(instance_id) > LONGEST_ID:
        raise InvalidInstanceId(f"An instance id must not be longer than {LONGEST_ID} characters.")
    if instance_id.startswith("@"):
        raise InvalidInstanceId(OF_ENTITY)
    if _FORBIDDEN.search(instance_id):
        raise InvalidInstanceId("An instance id must not contain '/', '\\', '#', '?' or control characters.")
    return instance_id


def checked_key(key: str) -> str:
    """The key of an entity that a client signals. Raises InvalidInstanceId by the rules of the Durable extension."""
    if _FORBIDDEN.search(key):
        raise InvalidInstanceId("The key of an entity must not contain '/', '\\', '#', '?' or control characters.")
    return key


def check_child(child: str, parent: InstanceStatus) -> None:
    """An id that an orchestration chose for a sub-orchestration. Raises InvalidInstanceId, OwnChild as Azure does."""
    if child.startswith("@"):
        raise InvalidInstanceId(OF_ENTITY)
    relatives = [parent.instance_id, *([parent.parent.instance] if parent.parent else [])]
    if child.lower() in (each.lower() for each in relatives):
        raise OwnChild(child)
