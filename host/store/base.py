"""The boundary between engine and database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from host.model import EntityPage, EntityQuery, EntityStatus, Event, InstanceQuery, InstanceStatus, Page, Status
from host.quick import quick


@quick
@dataclass(frozen=True, slots=True)
class Message:
    """What waits in the inbox of an instance or entity."""

    target: str
    """Instance id, or ``@name@key`` of an entity."""
    event: Event
    execution: str | None = None
    """The only execution that may read it; None: any."""
    seq: int = 0
    """Given by the store; order of arrival."""


@quick
@dataclass(frozen=True, slots=True)
class ActivityKey:
    """Identity of one scheduled activity: its result counts once."""

    instance: str
    execution: str
    task: int


@quick
@dataclass(frozen=True, slots=True)
class Activity:
    """A scheduled activity that has not ended."""

    key: ActivityKey
    name: str
    input: str | None = field(repr=False)
    traceparent: str | None = None
    tracestate: str | None = None


@quick
@dataclass(frozen=True, slots=True)
class Timer:
    """A timer that has not fired."""

    instance: str
    execution: str
    task: int
    due: datetime


@dataclass(frozen=True, slots=True)
class Start:
    """A new instance with its first message."""

    instance: InstanceStatus
    event: Event
    replace_ended: bool = True
    """Whether an ended instance of that id makes way."""
    if_running: Message | None = None
    """Posted in place of the start when such an instance has not ended (of a child: the failure for its parent)."""


@quick
@dataclass(frozen=True, slots=True)
class Loaded:
    """All that a turn needs."""

    instance: InstanceStatus
    history: tuple[Event, ...]
    inbox: tuple[Message, ...]
    """In order of arrival."""
    due: tuple[Timer, ...]
    """Timers that are due, by time."""
    unread_history: bool = False
    """There is a history; it was not asked for."""

    @property
    def has_history(self) -> bool:
        """Whether the execution has begun, also when its history was not asked for."""
        return self.unread_history or bool(self.history)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What an instance waits for, and what waits for it."""

    timers: tuple[Timer, ...]
    """Neither fired nor cancelled, by time."""
    activities: tuple[Activity, ...]
    """Scheduled and not ended, by task number."""
    messages: tuple[Message, ...]
    """Not taken up yet, in order of arrival."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one turn of an orchestration changes, all or nothing."""

    instance: InstanceStatus
    """Written whole, but for ``created``, which stays, and ``input``, which changes with ``replace_history`` alone."""
    append: tuple[Event, ...] = ()
    """New events, after those that the store has."""
    replace_history: bool = False
    """Drop the stored history first, with all timers and activities of it (continue-as-new, rewind)."""
    consumed: tuple[int, ...] = ()
    """``seq`` of inbox messages that are done with."""
    ended_activities: tuple[ActivityKey, ...] = ()
    ended_timers: tuple[int, ...] = ()
    """Task numbers, fired or cancelled, of the instance's current execution."""
    activities: tuple[Activity, ...] = ()
    timers: tuple[Timer, ...] = ()
    starts: tuple[Start, ...] = ()
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class EntityTurn:
    """What one batch of an entity changes, all or nothing. ``status`` None: the entity was deleted."""

    entity: str
    status: EntityStatus | None
    consumed: tuple[int, ...]
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What an earlier process left to do."""

    targets: tuple[str, ...]
    """Instances and entities with messages."""
    activities: tuple[Activity, ...]
    timers: tuple[Timer, ...]


class Store(Protocol):
    """Durable state of one task hub. A method that writes returns after the write is durable."""

    @property
    def fault(self) -> str | None:
        """What is wrong with the database at present, in words without values; None: nothing.

        A call that meets a fault raises; it may be made again. The next one that succeeds ends the fault. A damaged
        file takes no writes until a check finds it whole again; what can be read of it is still read.
        """

    async def open(self) -> None:
        """Create or check the schema. Raises RuntimeError, with a sentence, if the database cannot be used."""

    async def close(self) -> None:
        """Finish writes and release files."""

    async def backlog(self) -> Backlog:
        """For the start of the engine."""

    async def start(self, start: Start) -> Status | None:
        """Create the instance. Returns the status of one that is in its way: then nothing changed."""

    async def post(self, message: Message) -> Status | None:
        """Put into an inbox. Returns the instance's status; ended or None (unknown): nothing was posted.

        To an entity, everything is posted and the answer is ``RUNNING``.
        """

    async def load(self, instance_id: str, now: datetime, *, history: bool = True) -> Loaded | None:
        """Instance with history, inbox and due timers; None: unknown.

        ``history`` False leaves the history out: for who has it already.
        """

    async def waiting(self, instance_id: str) -> Waiting:
        """What keeps an instance from going on; of an unknown one, nothing."""

    async def commit(self, *turns: Turn) -> frozenset[str]:
        """Write turns, all or nothing. Returns the ids of ``starts`` refused because such an instance runs."""

    async def load_entity(self, entity: str, limit: int) -> tuple[EntityStatus | None, tuple[Message, ...]]:
        """State and the oldest ``limit`` messages."""

    async def commit_entity(self, turn: EntityTurn) -> None:
        """Write a batch."""

    async def get(self, instance_id: str) -> InstanceStatus | None:
        """Status of an instance."""

    def lives(self, instance_id: str) -> bool:
        """Whether it is known, without a look at the file, that the instance has not ended. False says nothing."""

    async def history(self, instance_id: str) -> tuple[Event, ...]:
        """Events of the current execution."""

    async def query(self, query: InstanceQuery) -> Page:
        """Instances by time of creation, then id."""

    async def entity(self, entity: str) -> EntityStatus | None:
        """State of an entity."""

    async def entities(self, query: EntityQuery) -> EntityPage:
        """Entities that exist, by id."""

    async def purge(self, instance_ids: Sequence[str]) -> int:
        """Forget those of the instances that have ended; how many."""

    async def purge_where(self, query: InstanceQuery) -> int:
        """Forget all ended instances that match, whatever ``top`` and ``token`` say; how many.

        In several transactions, each of whole instances: a crash leaves those that were not reached.
        """
