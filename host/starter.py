"""The start of an instance, and whom it replaces."""

from __future__ import annotations

import logging
from dataclasses import replace

from host.clock import Clock
from host.engine import Engine
from host.errors import AlreadyRunning
from host.model import Event, EventKind
from host.options import HubOptions
from host.store import Store
from host.store.base import Message, Start

log = logging.getLogger(__name__)


class Starter:
    """Starts instances of one hub."""

    def __init__(self, store: Store, engine: Engine, clock: Clock, options: HubOptions) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock
        self._options = options

    async def start(self, start: Start, *, again: bool = False) -> None:
        """``again``: an ended instance of that id is meant to make way.

        Raises AlreadyRunning: one that has ended is in the way under ``fixed``, one that runs unless ``any_state``.
        """
        instance_id, any_state = start.instance.instance_id, self._options.any_state
        status = await self._store.start(replace(start, replace_ended=again or any_state))
        if status is not None and not status.ended and any_state:
            await self._make_way(instance_id)
            status = await self._store.start(start)
        if status is not None and status.ended and self._options.compat == "azure":
            log.warning("rerun: instance %s had ended as %s and is started again, as on Azure", instance_id, status)
            status = await self._store.start(start)
        if status is not None:
            raise AlreadyRunning(instance_id, status)
        self._engine.wake(instance_id)

    async def _make_way(self, instance_id: str) -> None:
        """Have a live instance end, so that another can take its id. It may do so by itself, too."""
        reason = "An instance of the same id was started."
        event = Event(kind=EventKind.EXECUTION_TERMINATED, at=self._clock.now(), text=reason)
        ended = self._engine.ended(instance_id)
        try:
            status = await self._store.post(Message(instance_id, event))
            if status is not None and not status.ended:
                self._engine.wake(instance_id)
                await ended
        finally:
            ended.cancel()
