"""Wire-neutral facts of the engine: events, commands, instances. Nothing here knows a protocol or a database."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from host.quick import quick


class Status(enum.StrEnum):
    """Runtime status of an instance, as the management API spells it."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    COMPLETED = "Completed"
    FAILED = "Failed"
    TERMINATED = "Terminated"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self in (Status.COMPLETED, Status.FAILED, Status.TERMINATED)


class EventKind(enum.IntEnum):
    """DTFx numbers (https://github.com/Azure/durabletask, src/DurableTask.Core/History/EventType.cs)."""

    EXECUTION_STARTED = 0
    EXECUTION_COMPLETED = 1
    EXECUTION_FAILED = 2
    EXECUTION_TERMINATED = 3
    TASK_SCHEDULED = 4
    TASK_COMPLETED = 5
    TASK_FAILED = 6
    CHILD_CREATED = 7
    CHILD_COMPLETED = 8
    CHILD_FAILED = 9
    TIMER_CREATED = 10
    TIMER_FIRED = 11
    TURN_STARTED = 12
    TURN_COMPLETED = 13
    EVENT_SENT = 14
    EVENT_RAISED = 15
    CONTINUED_AS_NEW = 16
    SUSPENDED = 19
    RESUMED = 20
    REWOUND = 21


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something failed, kept beside the text that user code sees."""

    type: str
    text: str
    frames: tuple[str, ...] = ()


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of a history, or one message to an instance. Which fields are set depends on ``kind``."""

    kind: EventKind
    at: datetime
    id: int = -1
    """Number of a created task (4, 7, 10, 14, 1, 16); -1 else."""
    task: int = -1
    """Number of the task that ended (5, 6, 8, 9, 11)."""
    name: str | None = None
    version: str | None = None
    text: str | None = field(default=None, repr=False)
    """Input (0, 4, 7, 14, 15), result (5, 8, 1), reason (6, 9, 3, 19, 20) or cancelled timers (13)."""
    raw: bool = False
    """Of an input (0, 14): the function gets the JSON value of ``text``, where the SDK reads text alone."""
    details: str | None = field(default=None, repr=False)
    due: datetime | None = None
    instance: str | None = None
    """Own id (0), child (7), target entity (14)."""
    execution: str | None = None
    """Own execution (0)."""
    parent: Parent | None = None
    request: str | None = None
    """Id of an entity request (14): the reply is an EVENT_RAISED of that name."""
    signal: bool = False
    """Of an entity request (14): no reply is wanted."""
    status: Status | None = None
    """How it ended (1)."""
    failure: Failure | None = None
    traceparent: str | None = None
    tracestate: str | None = None


@quick
@dataclass(frozen=True, slots=True)
class Parent:
    """Who waits for an instance, or for an entity's reply."""

    instance: str
    execution: str
    name: str = ""
    task: int = -1


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStatus:
    """What is known of an instance."""

    instance_id: str
    execution_id: str
    name: str
    version: str
    status: Status
    created: datetime
    updated: datetime
    input: str | None = None
    """JSON text as the orchestrator reads it."""
    output: str | None = None
    """JSON text; of a failed or terminated instance a JSON string."""
    custom_status: str | None = None
    parent: Parent | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    failure: Failure | None = None
    waits: Mapping[str, int] = field(default_factory=dict)
    """Names of external events that the code waits for, with how often."""
    blocked: str | None = None
    """Why the instance can't go on without a person (version mismatch, function that keeps dying), in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceQuery:
    """All fields narrow; the default is everything."""

    statuses: frozenset[Status] = frozenset()
    created_from: datetime | None = None
    created_to: datetime | None = None
    updated_to: datetime | None = None
    """An ended instance was updated last when it ended."""
    prefix: str = ""
    top: int | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """``token``: pass it in the next query; None at the end."""

    items: tuple[InstanceStatus, ...]
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityStatus:
    """An entity that exists."""

    name: str
    key: str
    state: str | None
    """JSON text."""
    updated: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityQuery:
    """``name``: lower-case name of the entity function, or all; ``prefix``: of the id, ``@name@key``."""

    name: str | None = None
    prefix: str = ""
    updated_from: datetime | None = None
    updated_to: datetime | None = None
    top: int | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class EntityPage:
    """``token``: pass it in the next query; None at the end."""

    items: tuple[EntityStatus, ...]
    token: str | None = None
