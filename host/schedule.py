"""Timer triggers: each due instant runs once, also over restarts.

The next due instant is written before a run begins: a crash may lose that run, it never repeats it. The run waits while
it cannot be written. What was missed meanwhile, or while the host was down, is caught up by one run, marked past due.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from host.app import AppIndex
from host.call import Call
from host.clock import Clock
from host.due_times import Due, DueTimes
from host.functions import Function, Kind
from host.http.triggers import log_failure
from host.invocation import FunctionFailed
from host.invoker import AppInvoker
from host.ncrontab import Schedule, parse_schedule
from host.retry import with_retries
from host.settings import StartupError, resolve

log = logging.getLogger("host.schedule")

ZONE = "WEBSITE_TIME_ZONE"
_MONITORED = timedelta(minutes=1)
"""Shorter intervals are not remembered over restarts, as on Azure."""
_LATE = timedelta(seconds=1)
_AGAIN = timedelta(seconds=5)
"""Between two tries to write."""


@dataclass(frozen=True)
class Timer:
    """A timer function with its schedule."""

    function: Function
    schedule: Schedule
    text: str
    run_on_startup: bool
    monitored: bool


class TimerRunner:
    """Runs the timer functions of an app by its clock."""

    def __init__(
        self,
        app: AppIndex,
        invoker: AppInvoker,
        clock: Clock,
        store: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._invoker = invoker
        self.clock = clock
        self._due = DueTimes(store)
        self._timers = read_timers(app, environ)
        self._tasks: list[asyncio.Task[None]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._pausing: set[asyncio.Task[None]] = set()
        """Runs that wait to be tried again."""
        self._changed = asyncio.Event()
        if (settle_with := getattr(clock, "settle_with", None)) is not None:
            settle_with(self.idle)

    def start(self) -> None:
        """Begin to watch the clock."""
        self._tasks = [asyncio.create_task(self._watch(timer), name=timer.function.name) for timer in self._timers]

    async def stop(self) -> None:
        """Start no further run or retry, and wait for those that go on."""
        for task in (*self._tasks, *self._pausing):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.idle()

    async def idle(self) -> None:
        """Return when no timer function runs; one may wait for its next try."""
        while self._running - self._pausing:
            self._changed.clear()
            await self._changed.wait()

    async def run_now(self, function: Function) -> None:
        """Start a run beside the schedule and return at once."""
        timer = next(timer for timer in self._timers if timer.function is function)
        self._spawn(timer, past_due=False)

    async def _watch(self, timer: Timer) -> None:
        now = self.clock.now()
        known = self._known(timer)
        if known is None or not timer.monitored:
            known = Due(timer.text, timer.schedule.next_after(now))
            self._remember(timer, known)
        if timer.run_on_startup and known.next > now:
            await self._run(timer, past_due=False)
        due = known.next
        while True:
            await self.clock.sleep_until(due)
            late = self.clock.now() - due > _LATE
            while not self._remember(timer, served := self._served(timer, due)):
                await self.clock.sleep_until(self.clock.now() + _AGAIN)
                late = True
            due = served.next
            await self._run(timer, past_due=late)

    def _known(self, timer: Timer) -> Due | None:
        return self._due.get(timer.function.name, timer.text)

    def _remember(self, timer: Timer, due: Due) -> bool:
        return self._due.set(timer.function.name, due, durable=timer.monitored)

    def _served(self, timer: Timer, due: datetime) -> Due:
        """What is to be remembered once the run of an instant begins."""
        # Not before the instant just served, should the machine's clock have been set back.
        return Due(timer.text, timer.schedule.next_after(max(self.clock.now(), due)), last=due)

    async def _run(self, timer: Timer, past_due: bool) -> None:
        # A run of its own task: stopping the watch does not cut it.
        await asyncio.shield(self._spawn(timer, past_due))

    def _spawn(self, timer: Timer, past_due: bool) -> asyncio.Task[None]:
        task = asyncio.create_task(self._invoke(timer, past_due))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._changed.set()

    async def _invoke(self, timer: Timer, past_due: bool) -> None:
        function = timer.function
        attributes = {"faas.name": function.name, "faas.trigger": "timer"}
        try:
            with self._invoker.telemetry.span(f"timer:{function.name}", None, attributes) as span:
                body, policy = json.dumps(self._datum(timer, past_due)), function.retry

                async def attempt(retry: int) -> None:
                    call = Call(
                        function.name,
                        body,
                        str(uuid.uuid4()),
                        self._invoker.client,
                        span.traceparent,
                        retry_count=retry,
                        max_retry_count=policy.max_retry_count if policy else 0,
                    )
                    await self._invoker.run(function, call)

                await with_retries(function.name, policy, attempt, self._pause)
        except FunctionFailed as failure:
            log_failure(log, function.name, failure)
        except Exception as error:
            log.error("%s was not run to its end: %s", function.name, type(error).__name__)

    async def _pause(self, span: timedelta) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pausing.add(task)
        self._changed.set()
        try:
            await self.clock.sleep_until(self.clock.now() + span)
        finally:
            self._pausing.discard(task)

    def _datum(self, timer: Timer, past_due: bool) -> dict[str, Any]:
        known = self._known(timer)
        status = {
            "Last": known.last.isoformat() if known and known.last else None,
            "Next": known.next.isoformat() if known else None,
            "LastUpdated": self.clock.now().isoformat(),
        }
        return {"IsPastDue": past_due, "Schedule": {"AdjustForDST": True}, "ScheduleStatus": status}


def read_timers(app: AppIndex, environ: Mapping[str, str]) -> tuple[Timer, ...]:
    """The timer functions of an app.

    Raises:
        StartupError: A schedule or the time zone is malformed.
    """
    zone = _zone(environ)
    return tuple(_timer(function, zone, environ) for function in app.of(Kind.TIMER))


def _timer(function: Function, zone: tzinfo, environ: Mapping[str, str]) -> Timer:
    trigger = function.trigger
    text = resolve(str(trigger.schedule), environ, f"The schedule of {function.name}").strip()
    try:
        schedule = parse_schedule(text, zone)
        first = schedule.next_after(datetime(2024, 1, 1, tzinfo=UTC))
        long_enough = schedule.next_after(first) - first >= _MONITORED
    except ValueError as error:
        raise StartupError(f"The schedule '{text}' of {function.name}: {error}.") from error
    monitored = long_enough if trigger.use_monitor is None else bool(trigger.use_monitor)
    return Timer(function, schedule, text, bool(trigger.run_on_startup), monitored)


def _zone(environ: Mapping[str, str]) -> tzinfo:
    name = environ.get(ZONE)
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise StartupError(f"{ZONE} names no IANA time zone.") from error
