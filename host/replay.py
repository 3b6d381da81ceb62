"""From an orchestrator's list of actions and its history to numbered tasks: a port of what the Durable extension does.

The extension re-runs the whole list on the Durable Task Framework at every turn: start an action, await it, start the
next (``OutOfProcOrchestrationShim``, https://github.com/Azure/azure-functions-durable-extension). The numbers that the
framework gives in the order of starting equal those that the SDK gives in the order of yielding.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from host.actions import (
    Action,
    AllOf,
    AnyOf,
    AskEntity,
    CallActivity,
    CallChild,
    ContinueAsNew,
    CreateTimer,
    Leaf,
    WaitEvent,
)
from host.model import Event, EventKind

CREATED = frozenset({EventKind.TASK_SCHEDULED, EventKind.CHILD_CREATED, EventKind.TIMER_CREATED, EventKind.EVENT_SENT})
ENDED = frozenset(
    {
        EventKind.TASK_COMPLETED,
        EventKind.TASK_FAILED,
        EventKind.CHILD_COMPLETED,
        EventKind.CHILD_FAILED,
        EventKind.TIMER_FIRED,
    }
)
FAILED = frozenset({EventKind.TASK_FAILED, EventKind.CHILD_FAILED})


class Task:
    """One started action; ``then`` is called once, when it ends."""

    __slots__ = ("_then", "done", "failed")

    def __init__(self, *, done: bool = False) -> None:
        self.done = done
        self.failed = False
        self._then: list[Callable[[Task], None]] = []

    def end(self, *, failed: bool = False) -> None:
        if not self.done:
            self.done, self.failed = True, failed
            for callback in self._then:
                callback(self)

    def then(self, callback: Callable[[Task], None]) -> None:
        if self.done:
            callback(self)
        else:
            self._then.append(callback)


@dataclass(slots=True)
class Position:
    """Where an orchestration stands after its history."""

    started: dict[int, Leaf] = field(default_factory=dict)
    """By number."""
    open: dict[int, Task] = field(default_factory=dict)
    """Activities, children and timers that have not ended."""
    cancelled: set[int] = field(default_factory=set)
    requests: dict[int, str] = field(default_factory=dict)
    """Ids of entity requests by number."""
    waits: Counter[str] = field(default_factory=Counter)
    """External events awaited, by name as the code spells it."""
    early: list[Event] = field(default_factory=list)
    """External events that came before their wait, or have none."""
    unread: list[Event] = field(default_factory=list)
    """External events after continue-as-new was reached: they belong to the next execution."""
    continued: ContinueAsNew | None = None
    next_id: int = 0
    stuck: bool = False
    """The code went on, but the ordered walk still awaits an earlier action."""


def replay(actions: Sequence[Action], events: Sequence[Event], *, greedy: bool) -> Position:
    """Walk ``actions`` along ``events``.

    ``greedy``: at the end of each turn start what the code asked for, even if an earlier action has not ended (what the
    code meant); else wait for it (what Azure does).
    """
    walk = _Walk(actions, events)
    newest = -1
    for event in events:
        walk.take(event)
        if event.kind in CREATED:
            newest = max(newest, event.id)
        elif event.kind is EventKind.TURN_COMPLETED and greedy:
            walk.start_up_to(newest)
    walk.position.stuck = walk.waiting
    if greedy:
        walk.start_all()
    return walk.finish()


class _Walk:
    def __init__(self, actions: Sequence[Action], events: Sequence[Event]) -> None:
        self.position = Position()
        self._actions = actions
        self._next = 0
        self._current = Task(done=True)
        self._replies: dict[str, Task] = {}
        self._waiting: defaultdict[str, list[tuple[str, Task]]] = defaultdict(list)
        self._buffer: defaultdict[str, list[Event]] = defaultdict(list)
        self._now = events[0].at
        self._execution = next((e.execution or "" for e in events if e.kind is EventKind.EXECUTION_STARTED), "")

    @property
    def waiting(self) -> bool:
        return self._next < len(self._actions)

    def take(self, event: Event) -> None:
        kind = event.kind
        if kind is EventKind.TURN_STARTED:
            self._now = event.at
        elif kind in ENDED:
            if (task := self.position.open.pop(event.task, None)) is not None:
                task.end(failed=kind in FAILED)
                self._advance()
        elif kind is EventKind.EVENT_RAISED:
            self._raise(event)
            self._advance()
        elif kind is EventKind.EXECUTION_STARTED:
            self._advance()

    def start_up_to(self, newest: int) -> None:
        """Start what an earlier turn is known to have started."""
        while self.waiting and self.position.next_id <= newest:
            self._start_next()

    def start_all(self) -> None:
        while self.waiting:
            self._start_next()

    def finish(self) -> Position:
        for waiting in self._waiting.values():
            self.position.waits.update(name for name, _ in waiting)
        self.position.early.extend(event for events in self._buffer.values() for event in events)
        return self.position

    def _advance(self) -> None:
        while self._current.done and self.waiting:
            self._start_next()

    def _start_next(self) -> None:
        self._current = self._start(self._actions[self._next])
        self._next += 1

    def _raise(self, event: Event) -> None:
        name = event.name or ""
        if (reply := self._replies.pop(name, None)) is not None:
            reply.end()
        elif self.position.continued is not None:
            self.position.unread.append(event)
        elif waiting := self._waiting.get(name.lower()):
            waiting.pop()[1].end()  # the newest wait first: so do the SDK and the extension
        else:
            self._buffer[name.lower()].append(event)

    def _start(self, action: Action) -> Task:
        match action:
            case CallActivity() | CallChild() if action.retry is not None:
                return self._retry(action)
            case CallActivity() | CallChild() | CreateTimer():
                return self._number(action)
            case AskEntity():
                return self._ask(action)
            case WaitEvent():
                return self._wait(action)
            case ContinueAsNew():
                self.position.next_id += 1
                self.position.continued = action
                return Task(done=True)
            case AnyOf() | AllOf():
                return self._compound(action)

    def _number(self, leaf: Leaf) -> Task:
        number = self.position.next_id
        self.position.next_id += 1
        self.position.started[number] = leaf
        task = Task()
        if isinstance(leaf, CreateTimer) and leaf.cancelled:
            self.position.cancelled.add(number)
            task.end()
        else:
            self.position.open[number] = task
        return task

    def _ask(self, action: AskEntity) -> Task:
        number = self.position.next_id
        task = self._number(action)
        del self.position.open[number]
        request = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self._execution}:{number}"))
        self.position.requests[number] = request
        if action.signal:
            task.end()
        else:
            self._replies[request] = task
        return task

    def _wait(self, action: WaitEvent) -> Task:
        if buffered := self._buffer.get(action.name.lower()):
            buffered.pop(0)
            return Task(done=True)
        task = Task()
        self._waiting[action.name.lower()].append((action.name, task))
        return task

    def _retry(self, action: CallActivity | CallChild) -> Task:
        retry = action.retry
        assert retry is not None
        attempt = replace(action, retry=None)
        whole = Task()

        def run(count: int) -> None:
            def judge(task: Task) -> None:
                if not task.failed:
                    whole.end()
                    return
                # The framework makes a timer after the last failure too; the SDK counts and awaits it.
                last = count >= retry.attempts
                timer = self._number(CreateTimer(self._now if last else self._now + retry.delay(count)))
                timer.then(lambda _: whole.end(failed=True) if last else run(count + 1))

            self._number(attempt).then(judge)

        run(1)
        return whole

    def _compound(self, action: AnyOf | AllOf) -> Task:
        children = [self._start(child) for child in action.children]
        whole = Task(done=not children)

        def check(child: Task) -> None:
            if isinstance(action, AnyOf):
                whole.end(failed=child.failed)
            elif all(task.done for task in children):
                whole.end(failed=any(task.failed for task in children))

        for child in children:
            child.then(check)
        return whole
