"""Every turn of an orchestrator taken twice, cold and in a session, and the answers compared."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import azure.durable_functions as df

from host import codec_v1 as codec
from host.actions import Action, Decision
from host.errors import SessionLost
from host.invocation import FunctionFailed, Invocation
from host.model import Event, EventKind, InstanceStatus, Parent, Status
from host.runner import frames
from host.session import Session, applied
from host.testing import DurableHost, FunctionsInvoker
from host.wire_v1 import unwire

Function = Callable[..., Any]
Move = tuple[str, Any]
"""A name of an event and its value, or ``advance`` and minutes."""
heard: ContextVar[list[Any]] = ContextVar("heard")
"""What the code of an orchestrator says while it runs: see ``say``."""


def say(context: df.DurableOrchestrationContext, *what: object) -> None:
    """Note something at this place of an orchestrator, with whether it believes that it is replayed."""
    heard.get([]).append((*what, context.is_replaying))


@dataclass(slots=True)
class Followed:
    """A session with what it was fed and what it has answered."""

    session: Session
    events: Sequence[Event]
    actions: tuple[Action, ...]


class Twin(FunctionsInvoker):
    """Answers what cold replay answers."""

    in_process = False  # the engine's own living code is not meant here

    def __init__(
        self,
        orchestrators: Mapping[str, Function] | None = None,
        activities: Mapping[str, Function] | None = None,
        entities: Mapping[str, Function] | None = None,
    ) -> None:
        super().__init__(orchestrators, activities, entities)
        self.keeps: Callable[[int], bool] = lambda _: True
        """Whether the session is kept after the n-th turn of all."""
        self.turns = 0
        self.fed = 0
        """Turns that a living session took."""
        self.differences: list[str] = []
        self.lost: list[tuple[str, Decision]] = []
        """Why sessions were lost, and what cold replay answered then."""
        self._followed: dict[tuple[str, str], Followed] = {}

    async def invoke(self, invocation: Invocation) -> str:
        if invocation.kind != "orchestrator":
            return await super().invoke(invocation)
        body = json.loads(invocation.body)
        events = [unwire(event) for event in body["history"]]
        function = self._functions["orchestrator"][invocation.name]
        spans = "maximumShortTimerDuration" in body
        instance = instance_of(body["instanceId"], body["input"], events, body["parentInstanceId"])
        await asyncio.to_thread(self.compare, function, instance, events, spans)
        return await super().invoke(invocation)

    def compare(self, function: Function, instance: InstanceStatus, events: Sequence[Event], spans: bool) -> None:
        """Take one turn twice."""
        self.turns += 1
        cold, cold_heard = _listen(lambda: _cold(function, instance, events, spans))
        key = (instance.instance_id, instance.execution_id)
        try:
            warm, warm_heard = _listen(lambda: self._warm(key, function, instance, events, spans))
        except SessionLost as lost:
            self.lost.append((str(lost), cold))
            self._followed.pop(key, None)
            return
        if warm != cold:
            self.differences.append(f"turn {self.turns}: cold {cold}, warm {warm}")
        if warm_heard != cold_heard[len(cold_heard) - len(warm_heard) :]:
            self.differences.append(f"turn {self.turns}: cold said {cold_heard}, warm {warm_heard}")
        if not self.keeps(self.turns):
            del self._followed[key]

    def _warm(
        self, key: tuple[str, str], function: Function, instance: InstanceStatus, events: Sequence[Event], spans: bool
    ) -> Decision:
        known = self._followed.get(key)
        if known is not None and list(known.events) == list(events[: len(known.events)]):
            self.fed += 1
            session, actions = known.session, known.actions
            advance = session.feed(events[session.seen :])
        else:
            session, advance = Session.begin(function, instance, events, timer_spans=spans)
            actions = ()
        assert session.seen == len(events)
        actions = applied(actions, advance)
        self._followed[key] = Followed(session, tuple(events), actions)
        return replace(advance.decision, actions=actions)

    def check(self, *, may_lose: bool = False) -> None:
        """Raise if the two ever differed. ``may_lose``: sessions, where cold replay forgets all actions too."""
        assert self.differences == []
        if may_lose:
            assert all(cold.error is not None and cold.actions == () for _, cold in self.lost), self.lost
        else:
            assert self.lost == []


def _listen(run: Callable[[], Decision]) -> tuple[Decision, list[Any]]:
    said: list[Any] = []
    token = heard.set(said)
    try:
        return run(), said
    finally:
        heard.reset(token)


def _cold(function: Function, instance: InstanceStatus, events: Sequence[Event], spans: bool) -> Decision:
    replaying = sum(event.kind is EventKind.TURN_STARTED for event in events) > 1
    try:
        return codec.decision(function(codec.context(instance, events, replaying=replaying, timer_spans=spans)))
    except Exception as error:
        cause = error.__cause__ or error
        return codec.decision_of_failure(FunctionFailed(type(cause).__name__, str(error), frames(cause)))


def instance_of(
    instance_id: str, text: str | None, events: Sequence[Event], parent: str | None = None
) -> InstanceStatus:
    """An instance that began with these events."""
    start = next(event for event in events if event.kind is EventKind.EXECUTION_STARTED)
    return InstanceStatus(
        instance_id=instance_id,
        execution_id=start.execution or "",
        name=start.name or "",
        version=start.version or "",
        status=Status.RUNNING,
        created=start.at,
        updated=start.at,
        input=text,
        parent=Parent(parent, "") if parent else None,
    )


async def drive(host: DurableHost, name: str, data: Any, moves: Sequence[Move]) -> InstanceStatus:
    """Start an orchestration and do to it what ``moves`` say, as long as it runs."""
    status = await host.run(name, data, "i")
    for what, value in moves:
        if status.status.ended:
            break
        if what == "advance":
            await host.advance(minutes=value)
            status = await host.settled("i")
        else:
            status = await host.raise_event("i", what, value)
    return status
