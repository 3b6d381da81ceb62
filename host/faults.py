"""Failures on demand: which calls of an app's functions fail in a test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import get_args

from host.errors import UnknownFunction
from host.invocation import FunctionFailed, Invocation, Invoker, Kind
from host.model import Event, EventKind
from host.store import Store
from host.telemetry import Telemetry

KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(slots=True)
class _Fault:
    """Which calls fail: ``left`` more of them."""

    name: str
    left: int
    error: Exception
    attempt: int | None
    instance: str | None


class FaultyInvoker:
    """Passes on to another invoker, but fails what it was told to fail."""

    def __init__(self, inner: Invoker, store: Store) -> None:
        self._inner = inner
        self._store = store
        self._faults: list[_Fault] = []
        self.calls: list[Invocation] = []
        """Every invocation so far, in order; without what they would keep alive."""

    def fail(
        self, name: str, times: int, error: Exception, attempt: int | None = None, instance: str | None = None
    ) -> None:
        """Have the next ``times`` calls that fit raise.

        Raises:
            UnknownFunction: There is none of that name.
            ValueError: No call will ever be that one.
        """
        known = {low: each for kind in KINDS for low, each in self.known(kind).items()}
        if name.lower() not in known:
            raise UnknownFunction("durable", name, known.values())
        if times < 1:
            raise ValueError("At least one call has to fail.")
        if attempt is not None and attempt < 1:
            raise ValueError("The first attempt is 1.")
        if attempt is not None and name.lower() not in self.known("activity"):
            raise ValueError(f"Attempts are those of activities, and none is named {name}.")
        self._faults.append(_Fault(known[name.lower()].lower(), times, error, attempt, instance))

    @property
    def in_process(self) -> bool:
        return self._inner.in_process

    @property
    def telemetry(self) -> Telemetry:
        return self._inner.telemetry

    def known(self, kind: Kind) -> Mapping[str, str]:
        return self._inner.known(kind)

    async def invoke(self, invocation: Invocation) -> str:
        self.calls.append(replace(invocation, run=None))
        if (error := await self._fault(invocation)) is None:
            return await self._inner.invoke(invocation)
        if isinstance(error, FunctionFailed | ConnectionError):
            raise error
        raise FunctionFailed(type(error).__name__, str(error))

    async def _fault(self, invocation: Invocation) -> Exception | None:
        name, instances = invocation.name.lower(), (None, invocation.instance_id)
        faults = [each for each in self._faults if each.left and each.name == name and each.instance in instances]
        fitting: tuple[int | None, ...] = (None,)
        if invocation.kind == "activity" and any(fault.attempt is not None for fault in faults):
            fitting = (None, await self._attempt(invocation))
        for fault in faults:
            if fault.left and fault.attempt in fitting:  # others may have used it up meanwhile
                fault.left -= 1
                return fault.error
        return None

    async def _attempt(self, invocation: Invocation) -> int:
        known = self.known("activity")

        def same(event: Event) -> bool:
            name = known.get((event.name or "").lower())
            return (name, event.text or "null") == (invocation.name, invocation.body)

        return running_attempt(await self._store.history(invocation.instance_id), same)


def running_attempt(history: Iterable[Event], same: Callable[[Event], bool]) -> int:
    """Which attempt of a call runs: 1 is the first. ``same``: whether an event schedules that call.

    A retry is a task of its own: the same call again, as the timer ends that was made when the attempt before it
    failed. The timer after the last failure is due at once and leads to no attempt (DTFx ``RetryInterceptor``,
    https://github.com/Azure/durabletask). Of equal calls that run at once, the one scheduled first counts.
    """
    running: dict[int, int] = {}
    waiting: dict[int, list[int]] = {}
    """Attempts that failed in the turn that made a timer, by timer."""
    failed: list[int] = []
    fired: list[list[int]] = []
    for event in history:
        match event.kind:
            case EventKind.TURN_STARTED:
                failed, fired = [], []
            case EventKind.TASK_COMPLETED:
                running.pop(event.task, None)
            case EventKind.TASK_FAILED if event.task in running:
                failed.append(running.pop(event.task))
            case EventKind.TIMER_CREATED if event.due is not None and event.due > event.at:
                waiting[event.id] = failed
            case EventKind.TIMER_FIRED:
                fired.append(waiting.pop(event.task, []))
            case EventKind.TASK_SCHEDULED if same(event):
                before = next((attempts for attempts in fired if attempts), [0])
                running[event.id] = before.pop(0) + 1
    return next(iter(running.values()), 1)
