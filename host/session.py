"""An orchestration whose code stays alive between turns: a turn costs what is new in it, not what came before.

The reference is cold replay over ``codec_v1``. A session runs the same classes of the SDK and only does not throw them
away after the turn, so each answer is that of a cold replay of the same history, with the actions that are new instead
of all. Built on private names of the SDK: import this module only where ``host.sdk.missing_name()`` is None.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from azure.durable_functions.models.actions.CompoundAction import CompoundAction
from azure.durable_functions.models.actions.CreateTimerAction import CreateTimerAction
from azure.durable_functions.models.DurableOrchestrationContext import DurableOrchestrationContext
from azure.durable_functions.models.history import HistoryEvent
from azure.durable_functions.models.Task import TimerTask
from azure.durable_functions.models.TaskOrchestrationExecutor import TaskOrchestrationExecutor

from host import codec_v1 as codec
from host.actions import Action, AllOf, AnyOf, CreateTimer, Decision
from host.errors import SessionLost
from host.invocation import FunctionFailed
from host.model import Event, EventKind, InstanceStatus
from host.replay import ENDED
from host.runner import frames, text_of
from host.wire_v1 import basic, wire

_READ = ENDED | {EventKind.TURN_STARTED, EventKind.EVENT_SENT, EventKind.EVENT_RAISED, EventKind.CONTINUED_AS_NEW}
"""The events that the SDK acts upon after the first."""


@dataclass(frozen=True, slots=True)
class Advance:
    """What one feed brought."""

    decision: Decision
    """As a cold replay of the same history gives it, but ``actions`` are only those that are new."""
    cancelled: tuple[int, ...] = ()
    """Timers of earlier feeds that the code has cancelled in this one: the place of each (from 0) among all
    ``CreateTimer`` actions since the start, depth first."""


def applied(known: Sequence[Action], advance: Advance) -> tuple[Action, ...]:
    """The actions since the start, as a cold replay gives them. ``known``: those before this feed."""
    if not advance.cancelled:
        return (*known, *advance.decision.actions)
    cancelled = frozenset(advance.cancelled)
    places = itertools.count()

    def mark(action: Action) -> Action:
        match action:
            case CreateTimer():
                return replace(action, cancelled=True) if next(places) in cancelled else action
            case AnyOf() | AllOf():
                return replace(action, children=tuple(mark(child) for child in action.children))
            case _:
                return action

    return (*(mark(action) for action in known), *advance.decision.actions)


class Session:
    """One execution of one orchestration.

    One feed at a time, in any thread. Whoever feeds it events that are then not committed, or sees any exception come
    out of it, throws it away: it can't go back. With the last reference its code ends as that of a cold replay does
    after each turn (``finally`` blocks run).
    """

    def __init__(self, context: _Context) -> None:
        self.seen = 0
        """How many events of the history it has read: the next feed goes on behind them."""
        self._context = context
        self._executor = _Executor.make()
        self._timers = _Timers()

    @classmethod
    def begin(
        cls, function: Callable[..., Any], instance: InstanceStatus, history: Sequence[Event], *, timer_spans: bool
    ) -> tuple[Session, Advance]:
        """Start the code, or bring it to where it stood, by one cold replay.

        Args:
            function: What ``@app.orchestration_trigger`` made of the orchestrator.
            instance: Whose id, input and parent the code sees.
            history: All events, the turn that is to be decided last (from its TURN_STARTED on).
            timer_spans: Whether long timers are split, as ``codec_v1.context`` has it.

        Raises:
            SessionLost: This orchestrator, or this turn of it, is one for cold replay.
        """
        code = getattr(function, "orchestrator_function", None)
        if code is None:
            raise SessionLost("it was not made by the SDK's decorator", lasting=True)
        replaying = sum(event.kind is EventKind.TURN_STARTED for event in history) > 1
        body = codec.context(instance, history, replaying=replaying, timer_spans=timer_spans)
        context = _Context.from_json(body)
        context._input_expected_type = getattr(function, "_df_input_type", None)
        session = cls(context)
        return session, session._start(code, len(history))

    def feed(self, events: Sequence[Event]) -> Advance:
        """Take one turn.

        Args:
            events: What the history holds behind ``seen``: the rest of the last turn (what it created, its
                TURN_COMPLETED), then the new one from its TURN_STARTED on. Of several turns only the last is new to
                the code, the others are replayed.

        Raises:
            SessionLost: Ask cold replay.
        """
        advance = self._advance(lambda: self._process(events))
        self.seen += len(events)
        return advance

    def _start(self, code: Callable[..., Any], count: int) -> Advance:
        history, self._context._histories = self._context._histories, []
        self._context.history_read = False
        advance = self._advance(lambda: str(self._executor.execute(self._context, history, code)))
        self.seen = count
        return advance

    def _process(self, events: Sequence[Event]) -> str:
        executor = self._executor
        newest = max((i for i, event in enumerate(events) if event.kind is EventKind.TURN_STARTED), default=0)
        for index, event in enumerate(events):
            if executor.has_execution_completed:
                break
            if event.kind in _READ:
                executor._is_processing_new_events = index >= newest
                executor.process_event(HistoryEvent(**wire(event, basic)))
        return str(executor.get_orchestrator_state_str())

    def _advance(self, run: Callable[[], str]) -> Advance:
        try:
            decision = codec.decision(run())
        except Exception as error:
            cause = error.__cause__
            if cause is None or cause is not self._executor.exception:
                raise SessionLost(f"the SDK raised {type(error).__name__}") from None
            decision = codec.decision_of_failure(FunctionFailed(type(cause).__name__, text_of(error), frames(cause)))
        if decision.error is not None and self._executor.exception is None:
            raise SessionLost("the SDK's answer can't be read")
        if self._context.history_read:
            raise SessionLost("it reads context.histories", lasting=True)
        return Advance(decision, self._settle())

    def _settle(self) -> tuple[int, ...]:
        """Forget what the turn has done; returns the timers cancelled in it."""
        executor, actions = self._executor, self._context._action_payload_v2
        cancelled = self._timers.cancelled()
        self._timers.add(actions)
        self._timers.end(executor.ended)
        actions.clear()
        for task in executor.ended:
            _mark_played(task)
        executor.ended.clear()
        return cancelled


def _mark_played(task: Any) -> None:
    """An end of an earlier turn: when a later one yields the task again, the SDK says that it replays."""
    while task is not None:
        task.set_is_played(True)
        task = task.parent


class _Context(DurableOrchestrationContext):  # type: ignore[misc]
    """Notices when the code reads what a session doesn't keep."""

    history_read = False

    @property
    def histories(self) -> Any:
        self.history_read = True
        return self._histories


class _Executor(TaskOrchestrationExecutor):  # type: ignore[misc]
    """Notes the tasks that end."""

    ended: list[Any]

    @classmethod
    def make(cls) -> _Executor:
        """A new one. The SDK's constructor makes a class each time, most of a session's memory: copies share one."""
        executor = copy.copy(_BLANK)
        executor.initialize()
        return executor

    def initialize(self) -> None:
        super().initialize()
        self.ended = []

    def set_task_value(self, event: Any, is_success: bool, id_key: str) -> None:
        waiting = self.context.open_tasks.get(getattr(event, id_key))
        task = waiting[-1] if isinstance(waiting, list) else waiting  # of waits for one event the newest is served
        super().set_task_value(event, is_success, id_key)
        if task is not None:
            self.ended.append(task)


_BLANK = _Executor()


class _Timers:
    """The timers sent that the code may still cancel: ``cancel`` only flips a flag in the action."""

    def __init__(self) -> None:
        self._places: dict[Any, list[int]] = {}
        self._count = 0

    def add(self, actions: Iterable[Any]) -> None:
        for action in _timer_actions(actions):
            if not action.is_cancelled:
                self._places.setdefault(action, []).append(self._count)
            self._count += 1

    def end(self, tasks: Iterable[Any]) -> None:
        for task in tasks:
            if isinstance(task, TimerTask):
                self._places.pop(task.action_repr, None)

    def cancelled(self) -> tuple[int, ...]:
        """The places of those cancelled since the last call."""
        found = [action for action in self._places if action.is_cancelled]
        return tuple(sorted(place for action in found for place in self._places.pop(action)))


def _timer_actions(actions: Iterable[Any]) -> Iterator[Any]:
    for action in actions:
        if isinstance(action, CreateTimerAction):
            yield action
        elif isinstance(action, CompoundAction):
            yield from _timer_actions(action.compound_tasks)
