"""One batch of an entity: its oldest messages in order, state and replies written together."""

from __future__ import annotations

import json
import logging
import uuid
from datetime import datetime

from host import codec_v1 as codec
from host.clock import Clock
from host.crashpoints import crash_point
from host.errors import UnknownFunction
from host.invocation import FunctionFailed, Invocation, Invoker
from host.model import EntityStatus, Event, EventKind
from host.options import HubOptions
from host.store.base import EntityTurn, Message, Store

log = logging.getLogger(__name__)


ENTITY = "@"
"""What the ids of entities begin with, and no instance's."""


def entity_id(name: str, key: str) -> str:
    """``@name@key``; names of functions are matched in lower case, keys are not."""
    return f"@{name.lower()}@{key}"


def split(entity: str) -> tuple[str, str]:
    """Name and key."""
    name, _, key = entity[1:].partition("@")
    return name, key


def signal(
    entity: str,
    operation: str,
    text: str | None,
    at: datetime,
    traceparent: str | None,
    *,
    raw: bool = False,
    tracestate: str | None = None,
) -> Message:
    """The message of a client to an entity. ``text``: its input; ``raw``: as in ``host.model.Event``."""
    event = Event(
        kind=EventKind.EVENT_SENT,
        at=at,
        name=operation,
        text=text,
        raw=raw,
        instance=entity,
        signal=True,
        traceparent=traceparent,
        tracestate=tracestate,
    )
    return Message(entity, event)


class Entities:
    """Runs entity functions over one store."""

    def __init__(self, store: Store, invoker: Invoker, clock: Clock, options: HubOptions) -> None:
        self._store = store
        self._invoker = invoker
        self._clock = clock
        self._options = options

    async def batch(self, entity: str) -> frozenset[str]:
        """Work off the inbox; returns whom to wake. Raises what the invoker raised if the function was not run."""
        status, inbox = await self._store.load_entity(entity, self._options.max_entity_batch)
        if not inbox:
            return frozenset()
        requests = tuple(message.event for message in inbox)
        answer = await self._run(entity, status, requests)
        replies = tuple(
            self._reply(request, one)
            for request, one in zip(requests, answer.answers, strict=True)
            if not request.signal and request.parent is not None
        )
        name, key = split(entity)
        state = EntityStatus(name=name, key=key, state=answer.state, updated=self._clock.now())
        crash_point("before-entity-commit")
        await self._store.commit_entity(
            EntityTurn(entity, state if answer.exists else None, tuple(message.seq for message in inbox), replies)
        )
        woken = {reply.target for reply in replies}
        if len(inbox) == self._options.max_entity_batch:
            woken.add(entity)
        return frozenset(woken)

    async def _run(self, entity: str, status: EntityStatus | None, requests: tuple[Event, ...]) -> codec.Batch:
        name, key = split(entity)
        known = self._invoker.known("entity")
        if name not in known:  # an earlier deployment had it
            raise UnknownFunction("entity", name, known.values())
        invocation = Invocation(
            kind="entity",
            name=known[name],
            body=codec.entity_batch(name, key, status, requests),
            instance_id=entity,
            invocation_id=str(uuid.uuid4()),
            traceparent=requests[0].traceparent,
            tracestate=requests[0].tracestate,
        )
        try:
            answer = codec.entity_answer(await self._invoker.invoke(invocation))
        except FunctionFailed as failed:
            log.error(
                "Entity %s failed at %s; %d operation(s) answered with the error", entity, failed.type, len(requests)
            )
            error = codec.Answer(json.dumps(f"Entity function '{name}' failed: {failed.type}"), True)
            return codec.Batch(status.state if status else None, status is not None, (error,) * len(requests))
        for request, one in zip(requests, answer.answers, strict=True):
            if request.signal and one.failed:
                log.warning("Operation '%s' signalled to entity %s failed", request.name, entity)
        return answer

    def _reply(self, request: Event, answer: codec.Answer) -> Message:
        assert request.parent is not None
        event = Event(
            kind=EventKind.EVENT_RAISED,
            at=self._clock.now(),
            name=request.request,
            text=codec.entity_reply(answer),
        )
        return Message(request.parent.instance, event, request.parent.execution)
