"""Durable instances as the triggers need them: start once, raise, look. A thin face of the SDK's client."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import azure.durable_functions as df
import httpx

from domain.envelope import parse_failure
from domain.errors import Defect, NotFound, Unavailable
from domain.messages import PUBLISH
from triggers import hub_pages

QUICK: Final = 0.5
"""Seconds within which an automatic decision is usual."""
PEOPLE: Final = frozenset({"reviewer", "provider"})
"""Whom an instance at a human task waits for."""
RUNNING: Final = frozenset({"Running", "Pending", "Suspended", "ContinuedAsNew"})
ENDED: Final = frozenset({"Completed", "Failed", "Terminated", "Canceled"})


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an instance stands."""

    id: str
    name: str
    runtime: str
    """The Durable runtime status, for example ``Running``."""
    custom: dict[str, Any]
    created: datetime | None = None
    updated: datetime | None = None
    """When its history last grew (to the second)."""

    @property
    def open(self) -> bool:
        """Whether it still runs."""
        return self.runtime in RUNNING

    @property
    def step(self) -> str:
        """The BPMN element at which it stands."""
        return str(self.custom.get("step") or "")

    @property
    def waiting_for(self) -> str | None:
        """``reviewer``, ``provider``, ``operator`` or nothing."""
        return self.custom.get("waitingFor")

    @property
    def parked(self) -> bool:
        """Whether an operator must act: a dependency stayed away, or a defect stopped it."""
        return (self.open and self.waiting_for == "operator") or self.runtime == "Failed"

    @property
    def resume_event(self) -> str | None:
        """The event that resumes a parked instance."""
        detail = self.custom.get("detail") or ""
        return detail.split(" ", 1)[1] if self.waiting_for == "operator" and " " in detail else None


@dataclass(frozen=True, slots=True)
class History:
    """What became of an instance so far."""

    standing: Standing
    events: Sequence[Mapping[str, Any]]
    """``historyEvents`` of the management API with inputs and results: codes and references, and the texts of errors,
    which are not to be passed on. Empty of an instance that was not begun yet."""

    @property
    def failure(self) -> str | None:
        """A code: why it failed, or what a parked one waits for. The orchestrator's own defects are ``unnamed``."""
        if self.standing.runtime != "Failed":
            return str(self.standing.custom.get("detail")).split(" ")[0] if self.standing.parked else None
        ends = [each for each in self.events if each["EventType"] in ("TaskCompleted", "TaskFailed")]
        last = ends[-1] if ends else {}
        return parse_failure(f"{last.get('Reason')} {last.get('Details')}").code


class Instances:
    """The task hub as this request sees it."""

    def __init__(self, client: df.DurableOrchestrationClient) -> None:
        self._client = client

    async def start(self, workflow: str, instance_id: str, record: str) -> bool:
        """Start the instance unless one of that id exists, in whatever state. Says whether it was started.

        Durable would rerun a *completed* instance; the guard of the first activity makes such a race harmless.
        """
        if await self.find(instance_id) is not None:
            return False
        try:
            await self._client.start_new(workflow, instance_id=instance_id, client_input={"record": record})
        except Exception as error:
            if await self.find(instance_id) is not None:
                return False
            raise Unavailable("durable", "the task hub did not take the start") from error
        return True

    async def find(self, instance_id: str) -> Standing | None:
        """Where the instance stands, or ``None``. Raises ``Unavailable('durable')``."""
        try:
            status = await self._client.get_status(instance_id)
        except Exception as error:
            raise Unavailable("durable", "the task hub does not answer") from error
        return _standing(status) if status and status.instance_id else None

    async def history(self, instance_id: str) -> History | None:
        """What became of the instance so far, or ``None``. Raises ``Unavailable('durable')``."""
        try:
            status = await self._client.get_status(
                instance_id, show_history=True, show_history_output=True, show_input=True
            )
        except Exception as error:
            raise Unavailable("durable", "the task hub does not answer") from error
        if not (status and status.instance_id):
            return None
        return History(_standing(status), getattr(status, "historyEvents", None) or ())

    async def ready(self) -> None:
        """Return when the task hub answers. Raises ``Unavailable('durable')``."""
        await self.find("nobody")

    async def list(
        self, prefix: str | None = None, states: frozenset[str] = RUNNING, since: datetime | None = None
    ) -> list[Standing]:
        """All instances in ``states`` whose id starts with ``prefix`` and that were created ``since`` then.

        Raises ``Unavailable('durable')``.
        """
        try:
            found = [_standing(each) async for each in hub_pages.instances(self._client, states, since)]
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable("durable", "the task hub does not answer") from error
        return [s for s in found if not s.id.startswith("@") and (prefix is None or s.id.startswith(prefix))]

    async def raise_event(self, instance_id: str, event: str, data: dict[str, Any]) -> None:
        """Raise an event. An instance that has ended takes none, which is no error: the record is the truth."""
        try:
            await self._client.raise_event(instance_id, event, data)
        except Exception as error:
            standing = await self.find(instance_id)
            if standing is None:
                raise NotFound("instance", "no instance of this case runs; the sweep starts it") from error
            if standing.open:
                raise Unavailable("durable", "the task hub did not take the event") from error

    async def signal(self, entity: str, key: str, operation: str, data: Any) -> None:
        """Signal an entity. Raises ``Unavailable('durable')``."""
        try:
            await self._client.signal_entity(df.EntityId(entity, key), operation, data)
        except Exception as error:
            raise Unavailable("durable", "the task hub did not take the signal") from error

    async def entity(self, entity: str, key: str) -> Any:
        """An entity's state, or ``None``. Raises ``Unavailable('durable')``."""
        try:
            response = await self._client.read_entity_state(df.EntityId(entity, key))
        except Exception as error:
            raise Unavailable("durable", "the task hub does not answer") from error
        state = response.entity_state if response.entity_exists else None
        return json.loads(state) if isinstance(state, str) else state

    async def resume(self, standing: Standing) -> None:
        """Let a parked instance go on: its event when it waits, a rewind when a defect stopped it."""
        if standing.resume_event:
            await self.raise_event(standing.id, standing.resume_event, {})
        elif standing.runtime == "Failed":
            await self._client.rewind(standing.id, "resumed by an operator")
        else:
            raise Defect("not-parked")

    async def withdraw(self, instance_id: str) -> bool:
        """Tell an instance that waits at a human task that the task is withdrawn: it ends. Says whether it was told."""
        standing = await self.find(instance_id)
        task = standing and standing.open and standing.waiting_for in PEOPLE and standing.custom.get("task")
        if not task:
            return False
        name = str(task).removeprefix("Task/")
        await self.raise_event(instance_id, f"withdrawn:{name}", {"task": name})
        return True

    async def until_answerable(self, instance_id: str, seconds: float) -> Standing | None:
        """Where the instance stands once it waits for somebody or is decided, or after ``seconds`` of the clock.

        Looks often while an automatic decision may come, then ever more seldom (the SDK's own helper looks once a
        second and waits for the end of the instance).
        """
        begin, delay = time.monotonic(), 0.025
        while True:
            standing = await self.find(instance_id)
            if standing and (not standing.open or standing.waiting_for or standing.step.startswith(DECIDED)):
                return standing
            waited = time.monotonic() - begin
            if waited >= seconds:
                return standing
            await asyncio.sleep(min(delay, seconds - waited))
            delay = delay if waited < QUICK else min(delay * 2, 0.5)


DECIDED: Final = ("notify-provider", PUBLISH, "close-case")
"""How the steps begin that come after the decision was recorded."""


def _standing(status: Any) -> Standing:
    return Standing(
        id=status.instance_id,
        name=status.name or "",
        runtime=status.runtime_status.value if status.runtime_status else "",
        custom=status.custom_status if isinstance(status.custom_status, dict) else {},
        created=status.created_time,
        updated=status.last_updated_time,
    )
