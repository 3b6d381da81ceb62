"""Everything in dictionaries: for tests. Nothing survives the process."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from host.model import EntityPage, EntityQuery, EntityStatus, Event, InstanceQuery, InstanceStatus, Page, Status
from host.store.base import Activity, ActivityKey, Backlog, EntityTurn, Loaded, Message, Start, Timer, Turn, Waiting


class MemoryStore:
    """The twin of ``SqliteStore``; keeps its content over ``close`` and ``open``."""

    def __init__(self) -> None:
        self._instances: dict[str, InstanceStatus] = {}
        self._history: dict[str, tuple[Event, ...]] = {}
        self._inbox: defaultdict[str, dict[int, Message]] = defaultdict(dict)
        self._activities: dict[ActivityKey, Activity] = {}
        self._timers: defaultdict[str, dict[int, Timer]] = defaultdict(dict)
        self._entities: dict[str, EntityStatus] = {}
        self._order = itertools.count(1)

    @property
    def fault(self) -> str | None:
        """Nothing can be wrong."""
        return None

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def backlog(self) -> Backlog:
        return Backlog(
            tuple(target for target, inbox in self._inbox.items() if inbox),
            tuple(self._activities.values()),
            tuple(timer for timers in self._timers.values() for timer in timers.values()),
        )

    async def start(self, start: Start) -> Status | None:
        return self._start(start)

    def _start(self, start: Start) -> Status | None:
        instance = start.instance
        known = self._instances.get(instance.instance_id)
        if known is not None and not (known.status.ended and start.replace_ended):
            return known.status
        self._forget(instance.instance_id)
        self._instances[instance.instance_id] = instance
        self._put(Message(instance.instance_id, start.event, instance.execution_id))
        return None

    async def post(self, message: Message) -> Status | None:
        return self._post(message)

    def _post(self, message: Message) -> Status | None:
        if message.target.startswith("@"):
            self._put(message)
            return Status.RUNNING
        known = self._instances.get(message.target)
        if known is None:
            return None
        if not known.status.ended:
            self._put(message)
        return known.status

    def _put(self, message: Message) -> None:
        seq = next(self._order)
        self._inbox[message.target][seq] = Message(message.target, message.event, message.execution, seq)

    async def load(self, instance_id: str, now: datetime, *, history: bool = True) -> Loaded | None:
        instance = self._instances.get(instance_id)
        if instance is None:
            return None
        events = self._history.get(instance_id, ())
        return Loaded(
            instance,
            events if history else (),
            tuple(self._inbox[instance_id].values()),
            tuple(timer for timer in self._by_time(instance_id) if timer.due <= now),
            unread_history=bool(events) and not history,
        )

    async def waiting(self, instance_id: str) -> Waiting:
        activities = (activity for key, activity in self._activities.items() if key.instance == instance_id)
        return Waiting(
            tuple(self._by_time(instance_id)),
            tuple(sorted(activities, key=lambda activity: activity.key.task)),
            tuple(self._inbox.get(instance_id, {}).values()),
        )

    def _by_time(self, instance_id: str) -> list[Timer]:
        return sorted(self._timers.get(instance_id, {}).values(), key=lambda timer: (timer.due, timer.task))

    async def commit(self, *turns: Turn) -> frozenset[str]:
        return frozenset().union(*(self._commit(turn) for turn in turns))

    def _commit(self, turn: Turn) -> frozenset[str]:
        key = turn.instance.instance_id
        if (known := self._instances.get(key)) is None:
            return frozenset()
        if turn.replace_history:
            self._clear_execution(key)
        text = turn.instance.input if turn.replace_history else known.input
        self._instances[key] = replace(turn.instance, created=known.created, input=text)
        self._history[key] = (*self._history.get(key, ()), *turn.append)
        for seq in turn.consumed:
            self._inbox[key].pop(seq, None)
        for ended in turn.ended_activities:
            self._activities.pop(ended, None)
        for task in turn.ended_timers:
            self._timers[key].pop(task, None)
        if turn.instance.status.ended:
            self._clear_work(key)
            self._inbox.pop(key, None)
        self._activities.update((activity.key, activity) for activity in turn.activities)
        self._timers[key].update((timer.task, timer) for timer in turn.timers)
        refused = frozenset(start.instance.instance_id for start in turn.starts if not self._started(start))
        for message in turn.messages:
            self._post(message)
        return refused

    def _started(self, start: Start) -> bool:
        if self._start(start) is None:
            return True
        if start.if_running is not None:
            self._post(start.if_running)
        return False

    def _clear_execution(self, instance_id: str) -> None:
        self._history.pop(instance_id, None)
        self._clear_work(instance_id)

    def _clear_work(self, instance_id: str) -> None:
        self._timers.pop(instance_id, None)
        for key in [key for key in self._activities if key.instance == instance_id]:
            del self._activities[key]

    def _forget(self, instance_id: str) -> None:
        self._clear_execution(instance_id)
        self._inbox.pop(instance_id, None)
        self._instances.pop(instance_id, None)

    async def load_entity(self, entity: str, limit: int) -> tuple[EntityStatus | None, tuple[Message, ...]]:
        return self._entities.get(entity), tuple(itertools.islice(self._inbox[entity].values(), limit))

    async def commit_entity(self, turn: EntityTurn) -> None:
        if turn.status is None:
            self._entities.pop(turn.entity, None)
        else:
            self._entities[turn.entity] = turn.status
        for seq in turn.consumed:
            self._inbox[turn.entity].pop(seq, None)
        for message in turn.messages:
            self._post(message)

    async def get(self, instance_id: str) -> InstanceStatus | None:
        return self._instances.get(instance_id)

    def lives(self, instance_id: str) -> bool:
        known = self._instances.get(instance_id)
        return known is not None and not known.status.ended

    async def history(self, instance_id: str) -> tuple[Event, ...]:
        return self._history.get(instance_id, ())

    async def query(self, query: InstanceQuery) -> Page:
        found = sorted(
            (instance for instance in self._instances.values() if _matches(instance, query)),
            key=lambda instance: (instance.created, instance.instance_id),
        )
        first = int(query.token or 0)
        last = len(found) if query.top is None else first + query.top
        return Page(tuple(found[first:last]), str(last) if last < len(found) else None)

    async def entity(self, entity: str) -> EntityStatus | None:
        return self._entities.get(entity)

    async def entities(self, query: EntityQuery) -> EntityPage:
        known = (status for key, status in sorted(self._entities.items()) if key.startswith(query.prefix))
        found = [status for status in known if _matches_entity(status, query)]
        first = int(query.token or 0)
        last = len(found) if query.top is None else first + query.top
        return EntityPage(tuple(found[first:last]), str(last) if last < len(found) else None)

    async def purge(self, instance_ids: Sequence[str]) -> int:
        gone = [key for key in instance_ids if key in self._instances and self._instances[key].status.ended]
        for key in gone:
            self._forget(key)
        return len(gone)

    async def purge_where(self, query: InstanceQuery) -> int:
        return await self.purge([key for key, instance in self._instances.items() if _matches(instance, query)])


def _matches(instance: InstanceStatus, query: InstanceQuery) -> bool:
    return (
        (not query.statuses or instance.status in query.statuses)
        and (query.created_from is None or instance.created >= query.created_from)
        and (query.created_to is None or instance.created <= query.created_to)
        and (query.updated_to is None or instance.updated <= query.updated_to)
        and instance.instance_id.startswith(query.prefix)
    )


def _matches_entity(status: EntityStatus, query: EntityQuery) -> bool:
    return (
        (query.name is None or status.name == query.name)
        and (query.updated_from is None or status.updated >= query.updated_from)
        and (query.updated_to is None or status.updated <= query.updated_to)
    )
