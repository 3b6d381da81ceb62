"""One turn of an orchestration: messages in, code asked, one transaction out."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from host import codec_v1 as codec
from host.actions import HTTP_ACTIVITY, AskEntity, CallActivity, CallChild, CreateTimer, Decision, Leaf
from host.clock import Clock
from host.errors import UnknownFunction
from host.intake import Finished, Intake, deliverable, gather
from host.invocation import FunctionFailed, Invocation, Invoker, Kind
from host.model import Event, EventKind, Failure, InstanceStatus, Parent, Status
from host.options import HubOptions
from host.replay import CREATED, Position, contradictions, replay
from host.store.base import Activity, ActivityKey, Loaded, Message, Start, Store, Timer, Turn
from host.versions import mismatch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """What a turn has set in motion."""

    wake: frozenset[str] = frozenset()
    activities: tuple[Activity, ...] = ()
    timers: tuple[Timer, ...] = ()
    unused: tuple[Finished, ...] = ()
    unused_for_good: bool = False
    """The unused wait for a person (suspended or blocked): keep them in the store."""
    instance: InstanceStatus | None = None


class Turns:
    """Takes turns over one store with the functions of one app."""

    def __init__(self, store: Store, invoker: Invoker, clock: Clock, options: HubOptions) -> None:
        self._store = store
        self._invoker = invoker
        self._clock = clock
        self._options = options

    @property
    def _fixed(self) -> bool:
        return self._options.compat == "fixed"

    async def take(self, instance_id: str, finished: Sequence[Finished]) -> Progress:
        """Take one turn. Raises what the invoker raised if the code was not run to its end: nothing changed."""
        now = self._clock.now()
        loaded = await self._store.load(instance_id, now)
        if loaded is None or loaded.instance.status.ended:
            return Progress()
        finished = [one for one in finished if one.key.execution == loaded.instance.execution_id]
        intake = gather(loaded, finished, now, hold=self._fixed)
        if intake.terminated is not None:
            return await self._commit(_Draft(loaded, intake, now).terminated(intake.terminated))
        if intake.suspended:
            return await self._stand_still(loaded, intake, now)
        if not intake.events:
            return await self._drop(loaded, intake)
        if (reason := self._refusal(loaded.instance)) is not None:
            return await self._refuse(loaded, intake, now, finished, reason)
        return await self._decide(loaded, intake, finished, now)

    async def _decide(self, loaded: Loaded, intake: Intake, finished: Sequence[Finished], now: datetime) -> Progress:
        draft = _Draft(loaded, intake, now)
        decision = await self._ask(draft)
        position = replay(decision.actions, draft.events, greedy=self._fixed)
        if self._fixed and position.stuck and len(intake.events) > 1:
            # With several messages at once the order in which the code went on is unknown: take them one by one.
            intake = gather(loaded, finished, now, hold=True, one=True)
            draft = _Draft(loaded, intake, now)
            decision = await self._ask(draft)
            position = replay(decision.actions, draft.events, greedy=True)
        self._warn(draft, position)
        return await self._commit(self._apply(draft, decision, position))

    async def _ask(self, draft: _Draft) -> Decision:
        instance = draft.instance
        invocation = Invocation(
            kind="orchestrator",
            name=self._invoker.known("orchestrator")[instance.name.lower()],
            body=codec.context(
                instance,
                draft.events,
                replaying=bool(draft.loaded.history),
                timer_spans=self._options.send_timer_spans,
            ),
            instance_id=instance.instance_id,
            invocation_id=str(uuid.uuid4()),
            traceparent=instance.traceparent,
        )
        try:
            return codec.decision(await self._invoker.invoke(invocation))
        except FunctionFailed as failed:
            return codec.decision_of_failure(failed)

    def _apply(self, draft: _Draft, decision: Decision, position: Position) -> _Draft:
        """Turn a decision into what is written."""
        status = decision.custom_status
        if status is not None and len(status.encode("utf-16-le")) > self._options.max_custom_status:
            return draft.failed(f"The custom status is over {self._options.max_custom_status} bytes of UTF-16.")
        if (contradiction := next(contradictions(draft.loaded.history, position), None)) is not None:
            return draft.failed(f"Non-Deterministic workflow detected: {contradiction}", bare=True)
        draft.custom_status = status or draft.custom_status
        try:
            self._schedule(draft, position)
        except UnknownFunction as unknown:
            return draft.failed(str(unknown))
        draft.waits = dict(position.waits)
        ended = decision.error is not None or decision.done
        if not ended or position.open or (position.stuck and not self._fixed):
            return draft.running()
        if decision.error is not None:
            return draft.failed(decision.error, decision.failure)
        if position.continued is not None:
            return draft.continued(position.continued.input, position.unread)
        return draft.completed(decision.output, position.next_id)

    def _schedule(self, draft: _Draft, position: Position) -> None:
        created = {event.id for event in draft.loaded.history if event.kind in CREATED}
        for number in sorted(position.started.keys() - created):
            leaf = position.started[number]
            self._check(leaf)
            draft.schedule(number, leaf, position.requests.get(number), self._options)
        fired = {event.task for event in draft.events if event.kind is EventKind.TIMER_FIRED}
        draft.cancelled = sorted(position.cancelled - fired)

    def _check(self, leaf: Leaf) -> None:
        match leaf:
            case CallActivity(name=name) if name != HTTP_ACTIVITY:
                self._require("activity", name)
            case CallChild(name=name):
                self._require("orchestrator", name)
            case AskEntity(entity=entity):
                self._require("entity", entity[1:].partition("@")[0])

    def _require(self, kind: Kind, name: str) -> None:
        known = self._invoker.known(kind)
        if name.lower() not in known:
            raise UnknownFunction(kind, name, known.values())

    def _refusal(self, instance: InstanceStatus) -> str | None:
        known = self._invoker.known("orchestrator")
        if instance.name.lower() not in known:
            return str(UnknownFunction("orchestrator", instance.name, known.values()))
        return mismatch(instance.version, self._options)

    async def _refuse(
        self, loaded: Loaded, intake: Intake, now: datetime, finished: Sequence[Finished], reason: str
    ) -> Progress:
        instance = loaded.instance
        if self._options.version_failure == "Fail" and instance.name.lower() in self._invoker.known("orchestrator"):
            return await self._commit(_Draft(loaded, intake, now).failed(reason, bare=True))
        if instance.blocked != reason:
            log.error("Instance %s waits: %s", instance.instance_id, reason)
            await self._store.commit(Turn(instance=replace(instance, blocked=reason)))
        return Progress(unused=tuple(finished), unused_for_good=True)

    async def _stand_still(self, loaded: Loaded, intake: Intake, now: datetime) -> Progress:
        """A suspended instance only records that it is."""
        waiting = Progress(unused=tuple(intake.unused), unused_for_good=True)
        if not intake.consumed:
            return waiting
        draft = _Draft(loaded, intake, now)
        progress = await self._commit(draft.suspended())
        return replace(progress, unused=waiting.unused, unused_for_good=True)

    async def _drop(self, loaded: Loaded, intake: Intake) -> Progress:
        """Nothing is new: forget duplicates, late and foreign messages."""
        resumed = loaded.instance.status is Status.SUSPENDED
        if intake.consumed or intake.timers or intake.activities:
            status = Status.PENDING if resumed else loaded.instance.status
            await self._store.commit(
                Turn(
                    instance=replace(loaded.instance, status=status),
                    consumed=tuple(intake.consumed),
                    ended_timers=tuple(intake.timers),
                    ended_activities=tuple(intake.activities),
                )
            )
        return Progress(unused=tuple(intake.unused))

    async def _commit(self, draft: _Draft) -> Progress:
        turn = draft.turn()
        refused = await self._store.commit(turn)
        for child in refused:
            log.error(
                "Instance %s started child %s, but an instance of that id has not ended%s",
                turn.instance.instance_id,
                child,
                "" if self._fixed else "; as on Azure the start is dropped and the parent waits for ever",
            )
        wake = {message.target for message in turn.messages} | {start.instance.instance_id for start in turn.starts}
        if refused or deliverable(draft.intake.held, draft.waits) or draft.intake.unused:
            wake.add(turn.instance.instance_id)
        return Progress(
            wake=frozenset(wake),
            activities=turn.activities,
            timers=turn.timers,
            unused=tuple(draft.intake.unused),
            instance=turn.instance,
        )

    def _warn(self, draft: _Draft, position: Position) -> None:
        """Say loudly where Azure's behaviour is at work that ``fixed`` would spare the app."""
        if self._fixed:
            return
        instance = draft.instance.instance_id
        arrived = {id(event) for event in draft.intake.events}
        for event in position.early:
            if id(event) in arrived:
                log.warning(
                    "event-slot: event '%s' reached instance %s before a wait for it; the SDK keeps one such event a "
                    "name and may hand it to several waits (azure-functions-durable-python#507)",
                    event.name,
                    instance,
                )
        if position.continued is not None and position.early and not position.open:
            log.warning(
                "events-lost: instance %s continued as new with %d unread event(s), which Azure drops "
                "(azure-functions-durable-python#331)",
                instance,
                len(position.early),
            )
        if position.stuck:
            log.warning(
                "ordered-scheduling: instance %s went on, but as on Azure its next action starts only after every "
                "task of an earlier task_any or task_all that was sent has ended",
                instance,
            )


class _Draft:
    """What a turn is about to write."""

    def __init__(self, loaded: Loaded, intake: Intake, now: datetime) -> None:
        self.loaded = loaded
        self.intake = intake
        self.instance = loaded.instance
        self.at = max(now, loaded.history[-1].at) if loaded.history else now
        self.new: list[Event] = [Event(kind=EventKind.TURN_STARTED, at=self.at), *intake.events]
        self.custom_status = loaded.instance.custom_status
        self.waits = dict(loaded.instance.waits)
        self.cancelled: list[int] = []
        self._replace_history = False
        self._created: list[Event] = []
        self._activities: list[Activity] = []
        self._timers: list[Timer] = []
        self._starts: list[Start] = []
        self._messages: list[Message] = []

    @property
    def events(self) -> tuple[Event, ...]:
        return (*self.loaded.history, *self.new)

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
        self._activities.append(Activity(key, leaf.name, leaf.input, self.instance.traceparent))

    def _timer(self, number: int, leaf: CreateTimer) -> None:
        self._create(EventKind.TIMER_CREATED, number, due=leaf.due)
        if not leaf.cancelled:
            self._timers.append(Timer(self.instance.instance_id, self.instance.execution_id, number, leaf.due))

    def _request(self, number: int, leaf: AskEntity, request: str) -> None:
        sender = Parent(self.instance.instance_id, self.instance.execution_id)
        self._created.append(
            event := Event(
                kind=EventKind.EVENT_SENT,
                at=self.at,
                id=number,
                name=leaf.operation,
                instance=leaf.entity.lower() if "@" not in leaf.entity[1:] else _entity(leaf.entity),
                text=leaf.input,
                request=request,
                signal=leaf.signal,
                parent=sender,
            )
        )
        self._messages.append(Message(event.instance or "", event))

    def _child(self, number: int, leaf: CallChild, options: HubOptions) -> None:
        child = leaf.instance or f"{self.instance.execution_id}:{number}"
        version = options.default_version if leaf.version is None else leaf.version
        self._create(EventKind.CHILD_CREATED, number, name=leaf.name, version=version, instance=child, text=leaf.input)
        me = Parent(self.instance.instance_id, self.instance.execution_id, self.instance.name, number)
        taken = Event(kind=EventKind.CHILD_FAILED, at=self.at, task=number, text=f"Instance '{child}' already runs.")
        refusal = Message(me.instance, taken, me.execution) if options.compat == "fixed" else None
        self._starts.append(
            new_start(leaf.name, leaf.input, child, version, self.at, self.instance.traceparent, me, refusal)
        )

    def _create(self, kind: EventKind, number: int, **fields: object) -> None:
        self._created.append(Event(kind=kind, at=self.at, id=number, **fields))  # type: ignore[arg-type]

    # --- how the turn ends

    def running(self) -> _Draft:
        self.instance = replace(self.instance, status=Status.RUNNING)
        return self

    def suspended(self) -> _Draft:
        self.instance = replace(self.instance, status=Status.SUSPENDED)
        if not self.loaded.history:
            self.new = []
        return self

    def completed(self, output: str | None, number: int) -> _Draft:
        return self._end(Status.COMPLETED, output, None, number)

    def failed(self, error: str, failure: Failure | None = None, *, bare: bool = False) -> _Draft:
        """End as failed. ``bare``: not the code's own doing, so nothing that it asked for in this turn is started."""
        text = f"Orchestrator function '{self.instance.name}' failed: {error}"
        if bare or failure is None:
            self._created, self._activities, self._timers, self._starts, self._messages = [], [], [], [], []
        return self._end(Status.FAILED, json.dumps(text), failure or Failure("HostError", error), -1)

    def terminated(self, event: Event) -> _Draft:
        start = [m.event for m in self.loaded.inbox if m.event.kind is EventKind.EXECUTION_STARTED]
        self.new = [self.new[0], *([] if self.loaded.history else start), event]
        return self._end(Status.TERMINATED, json.dumps(event.text), None, -1)

    def continued(self, text: str | None, unread: Sequence[Event]) -> _Draft:
        old = self.instance
        self.instance = replace(old, execution_id=uuid.uuid4().hex, input=text, status=Status.RUNNING)
        self._replace_history = True
        self.waits = {}
        self._messages.append(Message(old.instance_id, started(self.instance, self.at), self.instance.execution_id))
        self._messages.extend(Message(old.instance_id, event) for event in unread)
        return self

    def _end(self, status: Status, output: str | None, failure: Failure | None, number: int) -> _Draft:
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
        events = [*self.new, *self._created, Event(kind=EventKind.TURN_COMPLETED, at=self.at)] if self.new else []
        return Turn(
            instance=replace(
                self.instance, updated=self.at, custom_status=self.custom_status, waits=self.waits, blocked=None
            ),
            append=() if self._replace_history else tuple(events),
            replace_history=self._replace_history,
            consumed=tuple(self.intake.consumed),
            ended_activities=tuple(self.intake.activities),
            ended_timers=(*self.intake.timers, *self.cancelled),
            activities=tuple(self._activities),
            timers=tuple(self._timers),
            starts=tuple(self._starts),
            messages=tuple(self._messages),
        )


def _entity(entity: str) -> str:
    """``@name@key`` with the name in lower case: names of functions are matched so, keys are not."""
    name, _, key = entity[1:].partition("@")
    return f"@{name.lower()}@{key}"


def child_ended(child: InstanceStatus, parent: Parent, at: datetime) -> Event:
    """What a parent reads when its child ends."""
    if child.status is Status.COMPLETED:
        return Event(kind=EventKind.CHILD_COMPLETED, at=at, task=parent.task, text=child.output)
    reason = json.loads(child.output or "null")
    return Event(kind=EventKind.CHILD_FAILED, at=at, task=parent.task, text=reason, failure=child.failure)


def started(instance: InstanceStatus, at: datetime) -> Event:
    """First message to an instance."""
    return Event(
        kind=EventKind.EXECUTION_STARTED,
        at=at,
        name=instance.name,
        version=instance.version,
        text=instance.input,
        instance=instance.instance_id,
        execution=instance.execution_id,
        parent=instance.parent,
        traceparent=instance.traceparent,
    )


def new_start(
    name: str,
    text: str | None,
    instance_id: str,
    version: str,
    at: datetime,
    traceparent: str | None = None,
    parent: Parent | None = None,
    if_running: Message | None = None,
) -> Start:
    """A new instance with its first message."""
    instance = InstanceStatus(
        instance_id=instance_id,
        execution_id=uuid.uuid4().hex,
        name=name,
        version=version,
        status=Status.PENDING,
        created=at,
        updated=at,
        input=text,
        parent=parent,
        traceparent=traceparent,
    )
    return Start(instance, started(instance, at), if_running)
