"""The task hub: what clients of an embedded Durable Functions host can ask of it."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from typing import Any

from host.clock import Clock
from host.engine import Engine
from host.entities import ENTITY, entity_id, signal
from host.errors import AlreadyFinished, NotFinished, UnknownFunction, UnknownInstance, WrongState
from host.explain import Explainer
from host.invocation import Invoker, Kind
from host.model import (
    EntityPage,
    EntityQuery,
    EntityStatus,
    Event,
    EventKind,
    InstanceQuery,
    InstanceStatus,
    Page,
    Status,
)
from host.options import HubOptions
from host.rewind import Rewinder
from host.starter import Starter
from host.starts import checked, checked_key, new_start
from host.store import Store
from host.store.base import EntityTurn, Message
from host.telemetry import rooted
from host.wire_v1 import wire


class TaskHub:
    """Orchestrations, activities and entities of one app over one store.

    Texts are JSON texts. Refusals are the exceptions of ``host.errors``. What ``start``, ``raise_event`` and the other
    verbs have acknowledged survives a crash of the machine.
    """

    def __init__(self, store: Store, invoker: Invoker, clock: Clock, options: HubOptions | None = None) -> None:
        self.options = options or HubOptions()
        self.ready = asyncio.Event()
        self._store = store
        self._invoker = invoker
        self._clock = clock
        self._engine = Engine(store, invoker, clock, self.options)
        self._starter = Starter(store, self._engine, clock, self.options)
        self._rewinder = Rewinder(store, self._engine, clock)
        self.explainer = Explainer(store, invoker, self._engine, self.options)
        self._stopped = asyncio.Event()

    @property
    def fault(self) -> str | None:
        """What is wrong with the store at present, without values; None: nothing."""
        return self._store.fault

    async def run(self) -> None:
        """Open the store, take up what an earlier process left, and work until ``stop``. ``ready`` is set when open."""
        await self._store.open()
        await self._engine.open()
        self.ready.set()
        await self._stopped.wait()

    async def drain(self) -> None:
        """Take up no new work and return when running functions have ended."""
        await self._engine.drain()

    async def stop(self) -> None:
        """Drain, close the store, let ``run`` return."""
        await self.drain()
        await self._store.close()
        self._stopped.set()

    async def idle(self) -> None:
        """Return when nothing can be done before the clock moves or a client speaks."""
        await self._engine.idle()

    async def start(
        self,
        name: str,
        input_text: str | None = None,
        instance_id: str | None = None,
        version: str | None = None,
        traceparent: str | None = None,
        *,
        raw: bool = False,
        tracestate: str | None = None,
    ) -> str:
        """Create an instance and return its id. ``input_text``: JSON text as ``context.get_input()`` shall read it.

        ``raw``: the orchestrator gets the value itself, which ``get_input()`` cannot read unless it is an object.
        Raises UnknownFunction, InvalidInstanceId, AlreadyRunning.
        An ended instance of that id makes way as on Azure, unless ``compat`` is ``fixed``.
        """
        declared = self._known("orchestrator", name)
        instance_id = uuid.uuid4().hex if instance_id is None else checked(instance_id)
        version = self.options.default_version if version is None else version
        at, trace = self._clock.now(), rooted(traceparent)
        start = new_start(declared, input_text, instance_id, version, at, trace, raw=raw, tracestate=tracestate)
        await self._starter.start(start)
        return instance_id

    async def raise_event(self, instance_id: str, name: str, input_text: str | None = None) -> None:
        """``input_text``: JSON text, decoded once at the wait. Raises UnknownInstance, AlreadyFinished."""
        await self._post(instance_id, EventKind.EVENT_RAISED, input_text, name)

    async def terminate(self, instance_id: str, reason: str | None = None) -> None:
        """Raises UnknownInstance, AlreadyFinished."""
        await self._post(instance_id, EventKind.EXECUTION_TERMINATED, reason)

    async def suspend(self, instance_id: str, reason: str | None = None) -> None:
        """Raises UnknownInstance, AlreadyFinished, WrongState."""
        status = await self._live(instance_id)
        if status.status is Status.SUSPENDED:
            raise WrongState(f"Instance '{instance_id}' is suspended already.")
        await self._post(instance_id, EventKind.SUSPENDED, reason)

    async def resume(self, instance_id: str, reason: str | None = None) -> None:
        """Raises UnknownInstance, AlreadyFinished, WrongState."""
        status = await self._live(instance_id)
        if status.status is not Status.SUSPENDED:
            raise WrongState(f"Instance '{instance_id}' is not suspended.")
        await self._post(instance_id, EventKind.RESUMED, reason)

    async def rewind(self, instance_id: str, reason: str | None = None) -> None:
        """Run a failed instance again from its last good step. Raises UnknownInstance, NotFinished, WrongState."""
        await self._rewinder.rewind(instance_id, reason)

    async def restart(self, instance_id: str, new_id: bool = True) -> str:
        """Start again with the same name and input, in this host's version; returns the id. Raises as ``start``."""
        old = await self._required(instance_id)
        declared = self._known("orchestrator", old.name)
        key = uuid.uuid4().hex if new_id else instance_id
        raw = any(event.raw for event in await self._store.history(instance_id))
        version, at = self.options.default_version, self._clock.now()
        start = new_start(declared, old.input, key, version, at, old.traceparent, raw=raw, tracestate=old.tracestate)
        await self._starter.start(start, again=True)
        return key

    async def status(self, instance_id: str) -> InstanceStatus | None:
        """None: no such instance."""
        return await self._store.get(instance_id)

    async def query(self, query: InstanceQuery) -> Page:
        """Instances by time of creation."""
        return await self._store.query(query)

    async def history(self, instance_id: str) -> list[dict[str, Any]]:
        """Wire events (PascalCase) of the current execution; [] for an unknown instance."""
        return [wire(event) for event in await self._store.history(instance_id)]

    async def purge(self, instance_id: str) -> int:
        """Forget an ended instance, or an entity by its id ``@name@key``: 1, or 0 if unknown. Raises NotFinished.

        Operations that wait for the entity make it anew; a batch that is under way writes its state afterwards.
        """
        if instance_id.startswith(ENTITY):
            return await self._purge_entity(instance_id)
        status = await self._store.get(instance_id)
        if status is not None and not status.status.ended:
            raise NotFinished(instance_id, status.status)
        return await self._store.purge([instance_id])

    async def _purge_entity(self, entity: str) -> int:
        if await self._store.entity(entity) is None:
            return 0
        await self._store.commit_entity(EntityTurn(entity, None, (), ()))
        return 1

    async def purge_where(self, query: InstanceQuery) -> int:
        """Forget all ended instances that match; how many."""
        return await self._store.purge_where(query)

    async def signal_entity(
        self,
        name: str,
        key: str,
        operation: str,
        input_text: str | None = None,
        traceparent: str | None = None,
        *,
        raw: bool = False,
        tracestate: str | None = None,
    ) -> None:
        """``input_text`` and ``raw``: as in ``start``. Raises UnknownFunction, InvalidInstanceId."""
        self._known("entity", name)
        target = entity_id(name, checked_key(key))
        at = self._clock.now()
        await self._store.post(signal(target, operation, input_text, at, traceparent, raw=raw, tracestate=tracestate))
        self._engine.wake(target)

    async def read_entity(self, name: str, key: str) -> EntityStatus | None:
        """None: the entity does not exist."""
        return await self._store.entity(entity_id(name, key))

    async def list_entities(self, query: EntityQuery) -> EntityPage:
        """Entities by id."""
        return await self._store.entities(query)

    async def wait(self, instance_id: str, timeout: float) -> InstanceStatus:
        """The status at the end, or after ``timeout`` seconds of the hub's clock. Raises UnknownInstance."""
        ended = self._engine.ended(instance_id)
        until = self._clock.now() + timedelta(seconds=timeout)
        alarm = asyncio.create_task(self._clock.sleep_until(until))
        alarm.add_done_callback(lambda _: ended.cancel())
        try:
            if not self._store.lives(instance_id) and (status := await self._required(instance_id)).status.ended:
                return status
            await asyncio.wait([ended])
            return await self._required(instance_id) if ended.cancelled() else ended.result()
        finally:
            alarm.cancel()
            ended.cancel()

    def _known(self, kind: Kind, name: str) -> str:
        known = self._invoker.known(kind)
        if name.lower() not in known:
            raise UnknownFunction(kind, name, known.values())
        return known[name.lower()]

    async def _required(self, instance_id: str) -> InstanceStatus:
        if (status := await self._store.get(instance_id)) is None:
            raise UnknownInstance(instance_id)
        return status

    async def _live(self, instance_id: str) -> InstanceStatus:
        status = await self._required(instance_id)
        if status.status.ended:
            raise AlreadyFinished(instance_id, status.status)
        return status

    async def _post(self, instance_id: str, kind: EventKind, text: str | None, name: str | None = None) -> None:
        if instance_id.startswith(ENTITY):
            raise UnknownInstance(instance_id)  # entities take operations alone
        event = Event(kind=kind, at=self._clock.now(), name=name, text=text)
        status = await self._store.post(Message(instance_id, event))
        if status is None:
            raise UnknownInstance(instance_id)
        if status.ended:
            raise AlreadyFinished(instance_id, status)
        self._engine.wake(instance_id)
