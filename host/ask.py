"""Ask the code of an orchestration where it goes on: cold, by replay of its whole history, or where it still lives."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from host import codec_v1 as codec
from host import sdk
from host.actions import Decision
from host.errors import SessionLost
from host.invocation import TIMED_OUT, FunctionFailed, Invocation, Invoker, new_invocation_id
from host.model import Event, InstanceStatus
from host.options import HubOptions
from host.past import Past
from host.position import Position
from host.replay import replay

if TYPE_CHECKING:
    from host.resident import Resident
    from host.session import Advance

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """What a turn wants to know."""

    instance: InstanceStatus
    past: Past
    before: Sequence[Event]
    """The history before the turn; not looked at where the code still lives."""
    new: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the code wants, and where that leads."""

    decision: Decision
    position: Position
    resident: Resident | None = None
    """Keep it when the turn is written."""
    whole: bool = True
    """Whether ``actions`` are all since the start."""


class Replays:
    """Asks by cold replay. ``traced``: as in ``Invocation``."""

    def __init__(self, invoker: Invoker, options: HubOptions, *, traced: bool = True) -> None:
        self._invoker = invoker
        self._traced = traced
        self._greedy = options.compat == "fixed"
        self._timer_spans = options.send_timer_spans

    async def ask(self, question: Question) -> Answer:
        """Raises FunctionFailed if the function was ended at ``functionTimeout``, and what kept it from running."""
        events = (*question.before, *question.new)
        instance, begun = question.instance, question.past.begun
        body = codec.context(instance, events, replaying=begun, timer_spans=self._timer_spans)
        try:
            invocation = _invocation(self._invoker, instance, body=body, traced=self._traced)
            decision = codec.decision(await self._invoker.invoke(invocation))
        except FunctionFailed as failed:
            decision = _raised(failed)
        return Answer(decision, replay(decision.actions, events, greedy=self._greedy))


class Asker:
    """Asks the orchestrators of one app."""

    def __init__(self, invoker: Invoker, options: HubOptions) -> None:
        self._invoker = invoker
        self._greedy = options.compat == "fixed"
        self._timer_spans = options.send_timer_spans
        self._replays = Replays(invoker, options)
        self._verify = options.sessions == "verify"
        self._living = options.sessions != "cold" and invoker.in_process and _sdk_fits()
        if self._verify and not invoker.in_process:
            log.warning("With --isolate every turn is a replay: --sessions verify has no living code to compare")
        self._cold: set[str] = set()
        self._trials = Trials(options.session_trial if options.sessions == "resident" else 0)

    @property
    def needs_history(self) -> bool:
        """Whether also living code is asked with the whole history."""
        return self._verify

    async def ask(self, question: Question, resident: Resident | None = None) -> Answer:
        """``resident``: what the turn before has left.

        Raises:
            FunctionFailed: The function was ended at ``functionTimeout``.
            SessionLost: Ask again without ``resident``, with the whole history.
        """
        if resident is None and self._replayed(question.instance):
            return await self._replays.ask(question)
        try:
            return await self._living_code(question, resident or self._resident(question))
        except SessionLost as lost:
            self._note(question.instance, lost)
            if resident is not None:
                raise
            return await self._replays.ask(question)

    def _replayed(self, instance: InstanceStatus) -> bool:
        return not self._living or instance.name.lower() in self._cold or self._trials.takes(instance)

    async def _living_code(self, question: Question, resident: Resident) -> Answer:
        whole = not resident.begun
        events = (*question.before, *question.new) if whole else question.new
        feed = _Feed(resident, question)
        try:
            await self._invoker.invoke(_invocation(self._invoker, question.instance, run=feed))
        except FunctionFailed as failed:
            return Answer(_raised(failed), replay((), events, greedy=self._greedy), whole=whole)
        advance = feed.result()
        position = resident.position(advance, events)
        if not whole and position.continued is not None and position.unread:
            raise SessionLost("whether its code has read the unread events, only the whole history tells")
        answer = Answer(advance.decision, position, resident, whole)
        return await self._verified(question, answer, advance) if self._verify else answer

    async def _verified(self, question: Question, warm: Answer, advance: Advance) -> Answer:
        """Cold replay's answer; the code lives on if its own is the same."""
        from host.verify import difference

        cold, resident = await self._replays.ask(question), warm.resident
        assert resident is not None
        resident.note(advance)
        found = difference(warm, cold, resident.actions, question.past)
        if found is None:
            return replace(cold, resident=resident)
        log.error(
            "Instance %s: living code and cold replay differ in %s; cold replay counts. Unless the code is not "
            "deterministic, please report it.",
            question.instance.instance_id,
            found,
        )
        return cold

    def _resident(self, question: Question) -> Resident:
        from host.resident import Resident

        return Resident(question.instance, question.past, greedy=self._greedy, timer_spans=self._timer_spans)

    def _note(self, instance: InstanceStatus, lost: SessionLost) -> None:
        """Of an orchestrator that can't live between turns, no other instance is tried."""
        if lost.lasting and instance.name.lower() not in self._cold:
            self._cold.add(instance.name.lower())
            log.info("Orchestrator %s is replayed at every turn: %s", instance.name, lost)


class Trials:
    """Chooses turns that are replayed so that code which is not deterministic fails early, and as on Azure."""

    def __init__(self, turns: int) -> None:
        self._turns = turns
        self._left: dict[str, tuple[str, int]] = {}
        """Of each orchestrator the first instance, and how many turns it has left."""

    def takes(self, instance: InstanceStatus) -> bool:
        """Whether the turn that begins is such a one."""
        first, left = self._left.get(instance.name, (instance.instance_id, self._turns))
        if instance.instance_id != first or not left:
            return False
        self._left[instance.name] = first, left - 1
        return True


class _Feed:
    """Runs in place of a cold call of the function."""

    def __init__(self, resident: Resident, question: Question) -> None:
        self._resident = resident
        self._question = question
        self._advance: Advance | None = None
        self._lost: SessionLost | None = None

    def __call__(self, function: Callable[..., Any]) -> None:
        question = self._question
        try:
            self._advance = self._resident.feed(function, question.instance, question.before, question.new)
        except SessionLost as lost:
            self._lost = lost

    @property
    def failed(self) -> str | None:
        failure = self._advance and self._advance.decision.failure
        return failure.type if failure else None

    def result(self) -> Advance:
        """Raises SessionLost."""
        if self._advance is None:
            raise self._lost or SessionLost("its code was not asked")
        return self._advance


def _invocation(
    invoker: Invoker, instance: InstanceStatus, *, body: str = "", run: _Feed | None = None, traced: bool = True
) -> Invocation:
    """Of an instance's orchestrator, which is known."""
    return Invocation(
        kind="orchestrator",
        name=invoker.known("orchestrator")[instance.name.lower()],
        body=body,
        instance_id=instance.instance_id,
        invocation_id=new_invocation_id(),
        traceparent=instance.traceparent,
        tracestate=instance.tracestate,
        run=run,
        traced=traced,
    )


def _raised(failed: FunctionFailed) -> Decision:
    if failed.type == TIMED_OUT:
        raise failed  # as on Azure an orchestrator that hangs is tried again, not failed
    return codec.decision_of_failure(failed)


def _sdk_fits() -> bool:
    if (name := sdk.missing_name()) is not None:
        log.warning("This SDK has no %s: every turn replays its whole history, which is slower", name)
    return name is None
