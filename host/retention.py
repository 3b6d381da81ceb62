"""How long ended instances are kept, by outcome. Off unless the host is told so; an hour is as exact as it is."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from host.clock import Clock
from host.model import InstanceQuery, Status
from host.settings import StartupError
from host.store.base import Store

log = logging.getLogger("host.retention")

EVERY = timedelta(hours=1)
NEVER = "never"
EARLIEST = datetime.min.replace(tzinfo=UTC)
"""Of all times."""
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
_SPAN = re.compile(r"(\d{1,6})([dhm])")
_OUTCOMES = {status.lower(): status for status in Status if status.ended}

Retention = Mapping[Status, timedelta]
"""Outcomes that are not in it are kept for ever."""


def parse_retention(text: str) -> Retention:
    """``completed=30d,failed=never,terminated=12h``: days, hours or minutes after the end.

    Raises:
        StartupError: The text has another form.
    """
    spans = dict[Status, timedelta]()
    for part in text.split(","):
        outcome, _, span = (word.strip().lower() for word in part.partition("="))
        if outcome not in _OUTCOMES:
            raise StartupError(f"--retain takes {', '.join(_OUTCOMES)}, each with =SPAN, such as completed=30d.")
        if span == NEVER:
            continue
        if (match := _SPAN.fullmatch(span)) is None:
            raise StartupError(f"--retain: the span of {outcome} must be like 30d, 12h, 90m, or never.")
        spans[_OUTCOMES[outcome]] = timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})
    return spans


class Purger:
    """Forgets ended instances once they have been kept long enough: at once, then every hour of the clock."""

    def __init__(self, store: Store, clock: Clock, retention: Retention) -> None:
        self._store = store
        self._clock = clock
        self._retention = retention
        self._task: asyncio.Task[None] | None = None
        self._resting = asyncio.Event()
        self._resting.set()
        if (settle_with := getattr(clock, "settle_with", None)) is not None:
            settle_with(self.idle)

    def start(self) -> None:
        """Begin, if anything is ever to be purged."""
        if self._retention:
            self._resting.clear()
            self._task = asyncio.create_task(self._run(), name="retention")

    async def stop(self) -> None:
        """Purge nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._resting.set()

    async def idle(self) -> None:
        """Return when nothing is being purged."""
        await self._resting.wait()

    async def _run(self) -> None:
        while True:
            self._resting.clear()
            try:
                if purged := await self.sweep():
                    log.info("%d ended instances purged", purged)
            except Exception as error:
                log.error("Ended instances were not purged (%s), again in an hour", type(error).__name__)
            self._resting.set()
            await self._clock.sleep_until(self._clock.now() + EVERY)

    async def sweep(self) -> int:
        """Purge what is due now; how many."""
        now = self._clock.now()
        within = {status: span for status, span in self._retention.items() if span < now - EARLIEST}
        return sum([await self._store.purge_where(_due(status, now - span)) for status, span in within.items()])


def _due(status: Status, until: datetime) -> InstanceQuery:
    """What ended like that by then, and so was created by then: the store finds it by the latter."""
    return InstanceQuery(statuses=frozenset({status}), created_to=until, updated_to=until)
