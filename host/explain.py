"""Why an instance waits, or why it failed: names, ids and times, never a value."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from host.actions import Decision
from host.ask import Answer, Question, Replays
from host.engine import Engine, Retry
from host.invocation import Invoker
from host.model import Event, EventKind, Failure, InstanceStatus, Status
from host.options import HubOptions
from host.past import Past
from host.position import CREATED, ENDED, FAILED, Position
from host.store.base import Store, Waiting


class OpenKind(enum.StrEnum):
    """What an orchestration can have open."""

    ACTIVITY = "activity"
    TIMER = "timer"
    CHILD = "sub-orchestration"
    ENTITY = "entity"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTask:
    """A task that was started and has neither ended nor been cancelled."""

    kind: OpenKind
    task: int
    name: str = ""
    """Of the activity, the orchestrator or the entity's operation."""
    target: str = ""
    """Id of the child or the entity."""
    due: datetime | None = None
    """Of a timer."""
    retry: Retry | None = None
    """Of an activity, or of the entity's batch."""


class Code(enum.StrEnum):
    """Where the orchestrator's code stands, if it does not simply wait."""

    ENDED = "the code has ended, the instance ends when all that it started has"
    RAISED = "the code has failed, the instance ends when all that it started has"
    AHEAD = "the code went on, but starts its next tasks when an earlier one has ended (ordered-scheduling)"
    NOTHING = "the code waits for what never comes: it has yielded no task (None), or a timer that it had cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The failed task behind a failed instance."""

    instance: str
    """The instance itself, or the child at whose end the failure began."""
    kind: OpenKind
    name: str
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is known of an instance beyond its status."""

    tasks: tuple[OpenTask, ...] = ()
    held: Mapping[str, int] = field(default_factory=dict)
    """External events that nobody has waited for yet, by name, with how many."""
    busy: bool = False
    """A turn is under way, or waits for a place."""
    retry: Retry | None = None
    """Of the instance's turn."""
    code: Code | None = None
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class _Open:
    """What the store knows of an instance that has not ended."""

    instance: InstanceStatus
    waiting: Waiting
    history: tuple[Event, ...]
    """Empty if it was not read."""


class Explainer:
    """Explains the instances of one hub."""

    def __init__(self, store: Store, invoker: Invoker, engine: Engine, options: HubOptions) -> None:
        self._store = store
        self._invoker = invoker
        self._replays = Replays(invoker, options, traced=False)
        self._engine = engine

    async def explain(self, status: InstanceStatus, *, replay: bool = False) -> Explanation:
        """``replay``: run the orchestrator once over its history, as a turn does, to see where its code stands."""
        if status.status.ended:
            return Explanation(cause=await self._cause(status))
        found = await self._open(status, whole=replay)
        explanation = Explanation(
            tasks=tuple(self._tasks(found)),
            held=_held(found),
            busy=self._engine.busy(status.instance_id),
            retry=self._engine.retry_of(status.instance_id),
        )
        return await self._replayed(found, explanation) if replay else explanation

    async def _open(self, status: InstanceStatus, *, whole: bool) -> _Open:
        """A history can be long: unless it is asked for, it is read only of an instance that nothing else explains."""
        waiting = await self._store.waiting(status.instance_id)
        plain = waiting.timers or waiting.activities or status.waits
        history = await self._store.history(status.instance_id) if whole or not plain else ()
        return _Open(status, waiting, history)

    def _tasks(self, found: _Open) -> Iterator[OpenTask]:
        events = (*found.history, *(message.event for message in found.waiting.messages))
        ended = {event.task for event in events if event.kind in ENDED}
        for activity in found.waiting.activities:
            if activity.key.task not in ended:
                retry = self._engine.retry_of(activity.key)
                yield OpenTask(kind=OpenKind.ACTIVITY, task=activity.key.task, name=activity.name, retry=retry)
        for timer in found.waiting.timers:
            yield OpenTask(kind=OpenKind.TIMER, task=timer.task, due=timer.due)
        replies = {event.name for event in events if event.kind is EventKind.EVENT_RAISED}
        for event in found.history:
            name, target = event.name or "", event.instance or ""
            if event.kind is EventKind.CHILD_CREATED and event.id not in ended:
                yield OpenTask(kind=OpenKind.CHILD, task=event.id, name=name, target=target)
            elif event.kind is EventKind.EVENT_SENT and not event.signal and event.request not in replies:
                retry = self._engine.retry_of(target)
                yield OpenTask(kind=OpenKind.ENTITY, task=event.id, name=name, target=target, retry=retry)

    async def _replayed(self, found: _Open, explanation: Explanation) -> Explanation:
        instance = found.instance
        if instance.status is not Status.RUNNING or instance.blocked or not found.history:
            return explanation
        if explanation.busy or explanation.retry:
            return explanation  # code that may hang or die is not run a second time beside its turn
        answer = await self._answer(instance, found.history)
        if answer is None:
            return explanation
        early = Counter(event.name or "" for event in answer.position.early)
        code = _code(answer.decision, answer.position)
        if code is None and not explanation.tasks and not answer.position.waits:
            code = Code.NOTHING
        return replace(explanation, code=code, held=Counter(explanation.held) + early)

    async def _answer(self, instance: InstanceStatus, history: Sequence[Event]) -> Answer | None:
        """What the code says now; None: it could not be asked."""
        if instance.name.lower() not in self._invoker.known("orchestrator"):
            return None
        try:
            return await self._replays.ask(Question(instance, Past.of(history), history, ()))
        except Exception:
            return None  # code that hangs, a worker that dies: the turn's own retry tells it

    async def _cause(self, status: InstanceStatus) -> Cause | None:
        """The task whose failure the code passed on: the SDK gives the code the task's own words."""
        if status.failure is None:
            return None
        history = await self._store.history(status.instance_id)
        for event in reversed(history):
            if event.kind in FAILED and event.failure and event.text and event.text in status.failure.text:
                return await self._cause_of(status, history, event, event.failure)
        return None

    async def _cause_of(
        self, status: InstanceStatus, history: Sequence[Event], failed: Event, failure: Failure
    ) -> Cause | None:
        begun = next((event for event in history if event.kind in CREATED and event.id == failed.task), None)
        if begun is None:
            return None
        name = begun.name or ""
        if failed.kind is EventKind.TASK_FAILED:
            return Cause(instance=status.instance_id, kind=OpenKind.ACTIVITY, name=name, failure=failure)
        child = await self._store.get(begun.instance or "")
        deeper = await self._cause(child) if child is not None and child.status is Status.FAILED else None
        return deeper or Cause(instance=begun.instance or "", kind=OpenKind.CHILD, name=name, failure=failure)


def _held(found: _Open) -> Counter[str]:
    """An entity's reply is an event too; it is for one execution, as no client's event is."""
    raised = (message for message in found.waiting.messages if message.event.kind is EventKind.EVENT_RAISED)
    return Counter(message.event.name or "" for message in raised if message.execution is None)


def _code(decision: Decision, position: Position) -> Code | None:
    if decision.error is not None:
        return Code.RAISED
    if decision.done:
        return Code.ENDED
    return Code.AHEAD if position.stuck else None
