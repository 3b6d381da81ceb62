"""Drives a plain orchestrator generator without any engine: activities are functions, time is a number that jumps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from domain.envelope import Answer, Envelope, Message
from domain.errors import WorkflowError
from domain.messages import StartInput


@dataclass(eq=False)
class Act:
    name: str
    envelope: Envelope


@dataclass(eq=False)
class Timer:
    at: datetime
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass(eq=False)
class Event:
    name: str
    result: Any = None
    is_completed: bool = False


@dataclass(eq=False)
class AnyOf:
    tasks: list[Any]


@dataclass
class Context:
    """What the orchestrators use of DurableOrchestrationContext."""

    start: StartInput
    current_utc_datetime: datetime = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
    instance_id: str = "prior-authorization-1"
    version: str = "1.0.0"
    status: dict[str, Any] = field(default_factory=dict)
    signals: list[tuple[str, Any]] = field(default_factory=list)

    def get_input(self) -> Any:
        return self.start.model_dump(mode="json")

    def set_custom_status(self, status: dict[str, Any]) -> None:
        self.status = status

    def call_activity(self, name: str, data: Any) -> Act:
        return Act(name, Envelope.model_validate(data))

    def create_timer(self, at: datetime) -> Timer:
        return Timer(at)

    def wait_for_external_event(self, name: str) -> Event:
        return Event(name)

    def signal_entity(self, entity: Any, operation: str, data: Any) -> None:
        self.signals.append((operation, data))

    def task_any(self, tasks: list[Any]) -> AnyOf:
        return AnyOf(tasks)


Activity = Callable[[Envelope], Message | WorkflowError]


@dataclass
class Drive:
    """Runs an orchestrator to its end. ``events`` maps an event-name prefix to (when, payload), each used once."""

    activities: dict[str, Activity]
    events: list[tuple[str, datetime | None, Any]] = field(default_factory=list)
    context: Context = field(default_factory=lambda: Context(StartInput(record="Task/1")))
    calls: list[tuple[str, Envelope]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    raced: list[Any] = field(default_factory=list)

    def run(self, orchestrator: Callable[[Any], Any]) -> Any:
        steps = orchestrator(self.context)
        try:
            item = next(steps)
            while True:
                if self.context.status not in self.statuses:
                    self.statuses.append(self.context.status)
                item = self._step(steps, item)
        except StopIteration as end:
            return end.value

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def _step(self, steps: Any, item: Any) -> Any:
        if isinstance(item, Act):
            self.calls.append((item.name, item.envelope))
            result = self.activities[item.name](item.envelope)
            if isinstance(result, WorkflowError):
                return steps.throw(Exception(f"Activity function '{item.name}' failed:  {result.args[0]}"))
            return steps.send(Answer(data=result.model_dump(mode="json")).model_dump(mode="json"))
        if isinstance(item, Timer):
            self.context.current_utc_datetime = max(item.at, self.context.current_utc_datetime)
            return steps.send(None)
        return steps.send(self._winner(item))

    def _winner(self, race: AnyOf) -> Any:
        for task in race.tasks:
            assert all(task is not earlier for earlier in self.raced), "a task that was yielded enters a later task_any"
        self.raced.extend(race.tasks)
        assert len(self.raced) < 1000, "the case waits for what never comes"
        timer = next(task for task in race.tasks if isinstance(task, Timer))
        coming = [
            (planned, event)
            for event in (task for task in race.tasks if isinstance(task, Event))
            for planned in self.events
            if event.name.startswith(planned[0]) and (planned[1] is None or planned[1] < timer.at)
        ]
        if coming:
            planned, event = min(coming, key=lambda one: one[0][1] or timer.at)
            self.events.remove(planned)
            event.result, event.is_completed = planned[2], True
            self.context.current_utc_datetime = max(planned[1] or timer.at, self.context.current_utc_datetime)
            return event
        self.context.current_utc_datetime = max(timer.at, self.context.current_utc_datetime)
        return timer


def always(message: Message | WorkflowError) -> Activity:
    return lambda _: message


def in_turn(results: Iterable[Message | WorkflowError]) -> Activity:
    iterator = iter(results)
    return lambda _: next(iterator)
