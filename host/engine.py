"""The engine: keeps turns, activities and entities of one store going. Woken by events, it never polls."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from host.activities import Activities, have_ended
from host.alarm import Alarm
from host.clock import Clock
from host.crashpoints import crash_point
from host.entities import Entities
from host.errors import HubError
from host.http_activity import HttpActivity
from host.intake import Finished
from host.invocation import Invoker
from host.lanes import Lane, Work
from host.model import InstanceStatus
from host.options import HubOptions
from host.store.base import Activity, ActivityKey, Message, Store, Turn
from host.turn import Progress, Turns

log = logging.getLogger(__name__)
LONGEST_BACKOFF = 60
"""Seconds between two tries of a turn or activity whose function could not be run to its end."""
PATIENCE = 5
"""Failed tries of a turn after which the instance's status says so."""


@dataclass(frozen=True, slots=True)
class Retry:
    """A function that was not run to its end (its worker died, it is unknown) and is tried again."""

    tries: int
    """So far."""
    error: str
    """Type of the last error, or the host's own sentence."""
    at: datetime
    """When it is tried next."""


class Engine:
    """Works off the inboxes of one store."""

    def __init__(self, store: Store, invoker: Invoker, clock: Clock, options: HubOptions) -> None:
        self._store = store
        self._invoker = invoker
        self._clock = clock
        self._work = Work()
        self._turns = Turns(store, invoker, clock, options)
        self._entities = Entities(store, invoker, clock, options)
        self._turn_lane: Lane[str] = Lane(self._turn, options.limit(options.max_orchestrators), self._work)
        self._entity_lane: Lane[str] = Lane(self._entity, options.limit(options.max_entities), self._work)
        self._activity_lane: Lane[Activity] = Lane(
            self._activity, options.limit(options.max_activities), self._work, lambda activity: activity.key.instance
        )
        self._http = HttpActivity(clock, options, self._activity_lane.away, self._is_over)
        self._activities = Activities(invoker, self._http, clock)
        self._alarm: Alarm[str] = Alarm(clock, self.wake)
        self._retries: Alarm[Activity] = Alarm(clock, self._activity_lane.push)
        self._finished: defaultdict[str, list[Finished]] = defaultdict(list)
        self._untried: dict[str, asyncio.Future[None]] = {}
        """Of each instance, done when a turn has tried to write what its activities gave."""
        self._failed: dict[ActivityKey | str, Retry] = {}
        self._waiters: defaultdict[str, set[asyncio.Future[InstanceStatus]]] = defaultdict(set)

    async def open(self) -> None:
        """Take up what an earlier process left."""
        backlog = await self._store.backlog()
        for timer in backlog.timers:
            self._alarm.set(timer.due, timer.instance)
        ended = await have_ended(backlog, self._store)
        for activity in backlog.activities:
            if activity.key not in ended:
                self._activity_lane.push(activity)
        for target in backlog.targets:
            self.wake(target)

    async def drain(self) -> None:
        """Return when running functions have ended; nothing new begins."""
        await self._alarm.stop()
        await self._retries.stop()
        self._http.break_off()
        await self._activity_lane.drain(finish=False)
        await self._http.close()
        await self._entity_lane.drain(finish=True)
        await self._turn_lane.drain(finish=True)  # last: what activities and entities answered is written
        self._turns.close()

    async def idle(self) -> None:
        """Return when nothing runs and nothing waits to run."""
        await self._work.idle.wait()

    def wake(self, target: str) -> None:
        """There is something in the inbox of an instance or entity."""
        (self._entity_lane if target.startswith("@") else self._turn_lane).push(target)

    def ended(self, instance_id: str) -> asyncio.Future[InstanceStatus]:
        """Resolved when the instance ends; cancel it to stop waiting."""
        waiter: asyncio.Future[InstanceStatus] = asyncio.get_running_loop().create_future()
        waiters = self._waiters[instance_id]
        waiters.add(waiter)
        waiter.add_done_callback(lambda _: self._forget(instance_id, waiter))
        return waiter

    def _forget(self, instance_id: str, waiter: asyncio.Future[InstanceStatus]) -> None:
        waiters = self._waiters.get(instance_id, set())
        waiters.discard(waiter)
        if not waiters:
            self._waiters.pop(instance_id, None)

    def retry_of(self, work: ActivityKey | str) -> Retry | None:
        """Of an activity, or of the turn of an instance or entity; None: it did not fail lately."""
        return self._failed.get(work)

    def busy(self, instance_id: str) -> bool:
        """Whether a turn of the instance is under way, or waits for a place."""
        return self._turn_lane.holds(instance_id)

    async def _turn(self, instance_id: str) -> None:
        finished, tried = self._finished.pop(instance_id, []), self._untried.pop(instance_id, None)
        try:
            await self._try(instance_id, finished)
        finally:
            if tried is not None:
                tried.set_result(None)

    async def _try(self, instance_id: str, finished: list[Finished]) -> None:
        try:
            progress = await self._turns.take(instance_id, finished)
        except Exception as error:
            self._finished[instance_id] = finished + self._finished.pop(instance_id, [])
            self._later(instance_id, error)
            await self._mark(instance_id)
            return
        self._failed.pop(instance_id, None)
        crash_point("after-commit")
        await self._go_on(instance_id, progress)

    async def _mark(self, instance_id: str) -> None:
        """Show in the status of an instance that it needs a person."""
        if self._failed[instance_id].tries < PATIENCE:
            return
        reason = f"Its orchestrator could not be run to its end {PATIENCE} times; the log says why. It is tried again."
        with contextlib.suppress(Exception):  # the store is at fault, and says so itself: the next try marks it
            instance = await self._store.get(instance_id)
            if instance is not None and instance.blocked != reason:
                await self._store.commit(Turn(instance=replace(instance, blocked=reason)))

    async def _go_on(self, instance_id: str, progress: Progress) -> None:
        await self._set_aside(instance_id, progress)
        for activity in progress.activities:
            self._activity_lane.push(activity)
        now = self._clock.now()
        for timer in progress.timers:
            if timer.due <= now:
                self.wake(timer.instance)
            else:
                self._alarm.set(timer.due, timer.instance)
        for target in progress.wake:
            self.wake(target)
        if progress.instance is not None and progress.instance.status.ended:
            self._alarm.forget(instance_id)
            for waiter in tuple(self._waiters.get(instance_id, ())):
                if not waiter.done():
                    waiter.set_result(progress.instance)

    async def _set_aside(self, instance_id: str, progress: Progress) -> None:
        """Keep results that the turn could not use: in the store if a person has to act first, else in memory."""
        left = list(progress.unused)
        try:
            while left and progress.unused_for_good:
                await self._store.post(Message(instance_id, left[0].event, left[0].key.execution))
                del left[0]
        except Exception as error:
            self._later(instance_id, error)
        if left:
            self._finished[instance_id] = left + self._finished.pop(instance_id, [])

    async def _entity(self, entity: str) -> None:
        try:
            woken = await self._entities.batch(entity)
        except Exception as error:
            self._later(entity, error)
            return
        self._failed.pop(entity, None)
        for target in woken:
            self.wake(target)

    async def _activity(self, activity: Activity) -> None:
        key = activity.key
        try:
            if key in self._failed and await self._is_over(key):
                del self._failed[key]
                return
            event = await self._activities.run(activity)
        except Exception as error:
            self._again(activity, error)
            return
        self._failed.pop(key, None)
        crash_point("after-activity")
        if self._finished.get(key.instance):
            crash_point("mid-fan-in")
        self._finished[key.instance].append(Finished(key, event))
        self.wake(key.instance)
        if key.instance not in self._untried:
            # It keeps its place among the running: turns that lag behind hold up activities, and what a crash runs
            # again is no more than runs at a time.
            tried = self._untried[key.instance] = asyncio.get_running_loop().create_future()
            await tried

    async def _is_over(self, key: ActivityKey) -> bool:
        """Whether nobody waits for the activity any more."""
        instance = await self._store.get(key.instance)
        return instance is None or instance.status.ended or instance.execution_id != key.execution

    def _again(self, activity: Activity, error: Exception) -> None:
        label = f"{activity.key.instance}/{activity.key.task}"
        delay = self._fail(activity.key, error)
        log.error(
            "Activity %s of %s was not run to its end (%s), again in %d s", activity.name, label, _short(error), delay
        )
        self._retries.set(self._failed[activity.key].at, activity)

    def _later(self, target: str, error: Exception) -> None:
        delay = self._fail(target, error)
        log.error("%s could not take its turn (%s), again in %d s", target, _short(error), delay, exc_info=error)
        self._alarm.set(self._failed[target].at, target)

    def _fail(self, work: ActivityKey | str, error: Exception) -> int:
        """Count a failed try; after how many seconds to try again."""
        known = self._failed.get(work)
        tries = known.tries + 1 if known else 1
        delay: int = min(2**tries, LONGEST_BACKOFF)
        self._failed[work] = Retry(tries, _short(error), self._clock.now() + timedelta(seconds=delay))
        return delay


def _short(error: Exception) -> str:
    """No message of the app: it may quote data."""
    return str(error) if isinstance(error, HubError) else type(error).__name__
