"""What one turn writes, gathered while it is decided."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from host.actions import AskEntity, CallActivity, CallChild, CreateTimer, Leaf
from host.ask import Question
from host.cancellations import noted
from host.entities import ENTITY, entity_id, split
from host.intake import Intake
from host.model import Event, EventKind, Failure, InstanceStatus, Parent, Status
from host.options import HubOptions
from host.starts import OF_ENTITY, new_start, started
from host.store.base import Activity, ActivityKey, Loaded, Message, Start, Timer, Turn


class Draft:
    """What a turn is about to write."""

    def __init__(self, loaded: Loaded, intake: Intake, now: datetime) -> None:
        self.loaded = loaded
        self.intake = intake
        self.instance = loaded.instance
        self.at = now if intake.past.at is None else max(now, intake.past.at)
        self.new: list[Event] = [Event(kind=EventKind.TURN_STARTED, at=self.at), *intake.events]
        self.history = loaded.history
        """Before the turn, where it was read."""
        self.custom_status = loaded.instance.custom_status
        self.waits = dict(loaded.instance.waits)
        self.cancelled: list[int] = []
        self._replace_history = False
        self._left: frozenset[int] = frozenset()
        self._created: list[Event] = []
        self._activities: list[Activity] = []
        self._timers: list[Timer] = []
        self._starts: list[Start] = []
        self._messages: list[Message] = []

    @property
    def question(self) -> Question:
        """What the code is asked."""
        return Question(self.instance, self.intake.past, self.history, tuple(self.new))

    @property
    def goes_on(self) -> bool:
        """Whether the execution has a next turn."""
        return not self.instance.status.ended and not self._replace_history

    @property
    def written(self) -> tuple[Event, ...]:
        """What the turn adds to the history."""
        completed = Event(kind=EventKind.TURN_COMPLETED, at=self.at, text=noted(self.cancelled))
        return (*self.new, *self._created, completed) if self.new else ()

    # --- what the code asked for

    def schedule(self, number: int, leaf: Leaf, request: str | None, options: HubOptions) -> None:
        match leaf:
            case CallActivity():
                self._activity(number, leaf)
            case CreateTimer():
                self._timer(number, leaf)
            case AskEntity():
                self._request(number, leaf, request or "")
            case CallChild():
                self._child(number, leaf, options)

    def _activity(self, number: int, leaf: CallActivity) -> None:
        self._create(EventKind.TASK_SCHEDULED, number, name=leaf.name, text=leaf.input)
        key = ActivityKey(self.instance.instance_id, self.instance.execution_id, number)
        trace, state = self.instance.traceparent, self.instance.tracestate
        self._activities.append(Activity(key, leaf.name, leaf.input, trace, state))

    def _timer(self, number: int, leaf: CreateTimer) -> None:
        self._create(EventKind.TIMER_CREATED, number, due=leaf.due)
        if not leaf.cancelled:
            self._timers.append(Timer(self.instance.instance_id, self.instance.execution_id, number, leaf.due))

    def _request(self, number: int, leaf: AskEntity, request: str) -> None:
        sender = Parent(self.instance.instance_id, self.instance.execution_id)
        target = entity_id(*split(leaf.entity))
        event = Event(
            kind=EventKind.EVENT_SENT,
            at=self.at,
            id=number,
            name=leaf.operation,
            instance=target,
            text=leaf.input,
            request=request,
            signal=leaf.signal,
            parent=sender,
            traceparent=self.instance.traceparent,
            tracestate=self.instance.tracestate,
        )
        self._created.append(event)
        self._messages.append(Message(target, event))

    def _child(self, number: int, leaf: CallChild, options: HubOptions) -> None:
        child = leaf.instance or f"{self.instance.execution_id}:{number}"
        version = options.default_version if leaf.version is None else leaf.version
        self._create(EventKind.CHILD_CREATED, number, name=leaf.name, version=version, instance=child, text=leaf.input)
        me = Parent(self.instance.instance_id, self.instance.execution_id, self.instance.name, number)
        if child.startswith(ENTITY):
            self._messages.append(self._refusal(me, OF_ENTITY))
            return
        refusal = self._refusal(me, f"Instance '{child}' already runs.") if options.compat == "fixed" else None
        trace, state = self.instance.traceparent, self.instance.tracestate
        self._starts.append(
            new_start(leaf.name, leaf.input, child, version, self.at, trace, me, refusal, tracestate=state)
        )

    def _refusal(self, parent: Parent, why: str) -> Message:
        failed = Event(kind=EventKind.CHILD_FAILED, at=self.at, task=parent.task, text=why)
        return Message(parent.instance, failed, parent.execution)

    def _create(self, kind: EventKind, number: int, **fields: object) -> None:
        self._created.append(Event(kind=kind, at=self.at, id=number, **fields))  # type: ignore[arg-type]

    # --- how the turn ends

    def running(self) -> Draft:
        if self.instance.status is not Status.RUNNING:
            self.instance = replace(self.instance, status=Status.RUNNING)
        return self

    def suspended(self) -> Draft:
        self.instance = replace(self.instance, status=Status.SUSPENDED)
        if not self.intake.past.begun:
            self.new = []
        return self

    def completed(self, output: str | None, number: int) -> Draft:
        return self._end(Status.COMPLETED, output, None, number)

    def failed(self, error: str, failure: Failure | None = None, *, bare: bool = False) -> Draft:
        """End as failed. Without ``failure`` it is not the code's doing: nothing that it asked for now is started.

        ``bare``: in the framework's own words, without the name of the function.
        """
        text = error if bare else f"Orchestrator function '{self.instance.name}' failed: {error}"
        if failure is None:
            self._created, self._activities, self._timers, self._starts, self._messages = [], [], [], [], []
        return self._end(Status.FAILED, json.dumps(text), failure or Failure("HostError", error), -1)

    def terminated(self, event: Event) -> Draft:
        start = [m.event for m in self.loaded.inbox if m.event.kind is EventKind.EXECUTION_STARTED]
        self.new = [self.new[0], *([] if self.intake.past.begun else start), event]
        return self._end(Status.TERMINATED, json.dumps(event.text), None, -1)

    def continued(self, text: str | None, unread: Sequence[Event]) -> Draft:
        old = self.instance
        self.instance = replace(old, execution_id=uuid.uuid4().hex, input=text, status=Status.RUNNING)
        self._replace_history = True
        self.waits = {}
        self._messages.append(Message(old.instance_id, started(self.instance, self.at), self.instance.execution_id))
        raised = self.intake.raised
        if all(id(event) in raised for event in unread):  # they keep their place before what has come since
            self._left = frozenset(raised[id(event)] for event in unread)
        else:
            self._messages.extend(Message(old.instance_id, event) for event in unread)
        return self

    def _end(self, status: Status, output: str | None, failure: Failure | None, number: int) -> Draft:
        self.instance = replace(self.instance, status=status, output=output, failure=failure)
        self.waits = {}
        self._created.append(
            Event(
                kind=EventKind.EXECUTION_COMPLETED, at=self.at, id=number, status=status, text=output, failure=failure
            )
        )
        if (parent := self.instance.parent) is not None:
            event = child_ended(self.instance, parent, self.at)
            self._messages.append(Message(parent.instance, event, parent.execution))
        return self

    def turn(self) -> Turn:
        return Turn(
            instance=replace(
                self.instance, updated=self.at, custom_status=self.custom_status, waits=self.waits, blocked=None
            ),
            append=() if self._replace_history else self.written,
            replace_history=self._replace_history,
            consumed=tuple(seq for seq in self.intake.consumed if seq not in self._left),
            ended_activities=tuple(self.intake.activities),
            ended_timers=(*self.intake.timers, *self.cancelled),
            activities=tuple(self._activities),
            timers=tuple(self._timers),
            starts=tuple(self._starts),
            messages=tuple(self._messages),
        )


def child_ended(child: InstanceStatus, parent: Parent, at: datetime) -> Event:
    """What a parent reads when its child ends."""
    if child.status is Status.COMPLETED:
        return Event(kind=EventKind.CHILD_COMPLETED, at=at, task=parent.task, text=child.output)
    reason = json.loads(child.output or "null")
    return Event(kind=EventKind.CHILD_FAILED, at=at, task=parent.task, text=reason, failure=child.failure)


def too_long(text: str, limit: int) -> bool:
    """Whether a JSON text has more than ``limit`` bytes of UTF-16 as .NET writes it: no spaces, letters as they are."""
    if 2 * len(text) <= limit:
        return False
    written = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    return len(written.encode("utf-16-le", "surrogatepass")) > limit
