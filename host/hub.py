"""The task hub: what clients of an embedded Durable Functions host can ask of it."""

from __future__ import annotations

from typing import Any

from host.clock import Clock
from host.invocation import Invoker
from host.model import EntityPage, EntityQuery, EntityStatus, InstanceQuery, InstanceStatus, Page
from host.options import HubOptions
from host.store import Store


class TaskHub:
    """Orchestrations, activities and entities of one app over one store.

    Texts are JSON texts. Refusals are the exceptions of ``host.errors``. What ``start``, ``raise_event`` and the other
    verbs have acknowledged survives a crash of the machine.
    """

    def __init__(self, store: Store, invoker: Invoker, clock: Clock, options: HubOptions | None = None) -> None:
        raise NotImplementedError

    async def run(self) -> None:
        """Open the store, take up what an earlier process left, and work until ``stop``. ``ready`` is set when open."""
        raise NotImplementedError

    async def drain(self) -> None:
        """Take up no new work and return when running functions have ended."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Drain, close the store, let ``run`` return."""
        raise NotImplementedError

    async def idle(self) -> None:
        """Return when nothing can be done before the clock moves or a client speaks."""
        raise NotImplementedError

    async def start(
        self,
        name: str,
        input_text: str | None = None,
        instance_id: str | None = None,
        version: str | None = None,
        traceparent: str | None = None,
    ) -> str:
        """Create an instance and return its id. ``input_text``: JSON text as ``context.get_input()`` shall read it.

        Raises UnknownFunction, InvalidInstanceId, AlreadyRunning.
        An ended instance of that id is replaced (as on Azure).
        """
        raise NotImplementedError

    async def raise_event(self, instance_id: str, name: str, input_text: str | None = None) -> None:
        """``input_text``: JSON text, decoded once at the wait. Raises UnknownInstance, AlreadyFinished."""
        raise NotImplementedError

    async def terminate(self, instance_id: str, reason: str | None = None) -> None:
        """Raises UnknownInstance, AlreadyFinished."""
        raise NotImplementedError

    async def suspend(self, instance_id: str, reason: str | None = None) -> None:
        """Raises UnknownInstance, AlreadyFinished, WrongState."""
        raise NotImplementedError

    async def resume(self, instance_id: str, reason: str | None = None) -> None:
        """Raises UnknownInstance, AlreadyFinished, WrongState."""
        raise NotImplementedError

    async def rewind(self, instance_id: str, reason: str | None = None) -> None:
        """Run a failed instance again from its last good step. Raises UnknownInstance, NotFinished, WrongState."""
        raise NotImplementedError

    async def restart(self, instance_id: str, new_id: bool = True) -> str:
        """Start again with the same name and input; returns the id. Raises UnknownInstance, AlreadyRunning."""
        raise NotImplementedError

    async def status(self, instance_id: str) -> InstanceStatus | None:
        """None: no such instance."""
        raise NotImplementedError

    async def query(self, query: InstanceQuery) -> Page:
        """Instances by time of creation."""
        raise NotImplementedError

    async def history(self, instance_id: str) -> list[dict[str, Any]]:
        """Wire events (PascalCase) of the current execution; [] for an unknown instance."""
        raise NotImplementedError

    async def purge(self, instance_id: str) -> int:
        """Forget an ended instance: 1, or 0 if unknown. Raises NotFinished."""
        raise NotImplementedError

    async def purge_where(self, query: InstanceQuery) -> int:
        """Forget all ended instances that match; how many."""
        raise NotImplementedError

    async def signal_entity(
        self, name: str, key: str, operation: str, input_text: str | None = None, traceparent: str | None = None
    ) -> None:
        """``input_text``: JSON text as ``context.get_input()`` shall read it. Raises UnknownFunction."""
        raise NotImplementedError

    async def read_entity(self, name: str, key: str) -> EntityStatus | None:
        """None: the entity does not exist."""
        raise NotImplementedError

    async def list_entities(self, query: EntityQuery) -> EntityPage:
        """Entities by id."""
        raise NotImplementedError

    async def wait(self, instance_id: str, timeout: float) -> InstanceStatus:
        """The status at the end, or after ``timeout`` seconds of the hub's clock. Raises UnknownInstance."""
        raise NotImplementedError
