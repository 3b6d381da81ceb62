"""One turn of an orchestration: messages in, code asked, one transaction out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from host.actions import HTTP_ACTIVITY, AskEntity, CallActivity, CallChild, Leaf
from host.ask import Answer, Asker
from host.clock import Clock
from host.defects import DefectLog, contradicted, event_again
from host.determinism import contradictions
from host.draft import Draft, too_long
from host.errors import HubError, SessionLost, UnknownFunction
from host.intake import Finished, Intake, deliverable, gather
from host.invocation import Invoker, Kind
from host.model import EventKind, InstanceStatus
from host.options import HubOptions
from host.past import Past
from host.position import Position
from host.residents import Residents
from host.starts import check_child
from host.store.base import Activity, Loaded, Store, Timer, Turn
from host.versions import mismatch

if TYPE_CHECKING:
    from host.resident import Resident

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
        self._defects = DefectLog()
        self._asker = Asker(invoker, options)
        self._residents = Residents(options)

    @property
    def _fixed(self) -> bool:
        return self._options.compat == "fixed"

    async def take(self, instance_id: str, finished: Sequence[Finished]) -> Progress:
        """Take one turn. Raises what the invoker raised if the code was not run to its end: nothing changed.

        Code that lives stays only if its turn is written, and the instance goes on as a walk knows that it does.
        """
        resident = self._residents.take(instance_id)
        if resident is not None:
            try:
                return await self._take(instance_id, finished, resident)
            except SessionLost:
                pass
        return await self._take(instance_id, finished, None)

    async def _take(self, instance_id: str, finished: Sequence[Finished], resident: Resident | None) -> Progress:
        now = self._clock.now()
        whole = resident is None or self._asker.needs_history
        loaded = await self._store.load(instance_id, now, history=whole)
        if loaded is None or loaded.instance.status.ended:
            return Progress()
        if resident is not None and resident.execution != loaded.instance.execution_id:
            raise SessionLost("another execution runs")
        finished = [one for one in finished if one.key.execution == loaded.instance.execution_id]
        past = Past.of(loaded.history) if resident is None else resident.past
        intake = gather(loaded, past, finished, now, hold=self._fixed)
        if intake.terminated is not None:
            return await self._commit(Draft(loaded, intake, now).terminated(intake.terminated))
        if intake.suspended:
            return await self._stand_still(loaded, intake, now)
        if not intake.events:
            self._residents.keep(instance_id, resident)
            return await self._drop(loaded, intake)
        if (reason := self._refusal(loaded.instance)) is not None:
            return await self._refuse(loaded, intake, now, finished, reason)
        return await self._decide(loaded, intake, finished, now, resident)

    async def _decide(
        self, loaded: Loaded, intake: Intake, finished: Sequence[Finished], now: datetime, resident: Resident | None
    ) -> Progress:
        draft = Draft(loaded, intake, now)
        answer = await self._asker.ask(draft.question, resident)
        if self._fixed and answer.position.stuck and len(intake.events) > 1:
            if resident is not None:
                raise SessionLost("it has taken several messages at once")
            # With several messages at once the order in which the code went on is unknown: take them one by one.
            intake = gather(loaded, intake.past, finished, now, hold=True, one=True)
            draft = Draft(loaded, intake, now)
            answer = await self._asker.ask(draft.question)
        if not self._fixed:
            self._defects.report(loaded.instance.instance_id, intake.events, answer.position)
            if answer.whole and answer.position.continued is not None:
                event_again(draft.question, answer)
        if answer.decision.stateless and not answer.whole:
            draft.history = await self._store.history(loaded.instance.instance_id)
        progress = await self._commit(self._apply(draft, answer))
        if answer.resident is not None and draft.goes_on and not answer.position.stuck:
            answer.resident.settle(draft.written, len(draft.new))
            self._residents.keep(loaded.instance.instance_id, answer.resident)
        return progress

    def close(self) -> None:
        """Forget all living code."""
        self._residents.clear()

    def _apply(self, draft: Draft, answer: Answer) -> Draft:
        """Turn a decision into what is written."""
        decision, position = answer.decision, answer.position
        status = decision.custom_status
        if status is not None and too_long(status, self._options.max_custom_status):
            return draft.failed(f"The custom status is over {self._options.max_custom_status} bytes of UTF-16.")
        if position.next_id > self._options.max_actions:
            return draft.failed(
                f"It has more than {self._options.max_actions} actions, which maxOrchestrationActions of host.json "
                "does not allow."
            )
        if decision.stateless and self._fixed:
            return draft.failed(decision.error or "", decision.failure)
        if (contradiction := next(contradictions(draft.history, position), None)) is not None:
            if not self._fixed:
                contradicted(draft.question, answer)
            failure = decision.failure if decision.stateless else None
            return draft.failed(f"Non-Deterministic workflow detected: {contradiction}", failure, bare=True)
        draft.custom_status = status or draft.custom_status
        try:
            self._schedule(draft, position)
        except HubError as refusal:
            return draft.failed(str(refusal))
        draft.waits = dict(position.waits)
        ended = decision.error is not None or decision.done
        if not ended or position.open or (position.stuck and not self._fixed):
            return draft.running()
        if decision.error is not None:
            return draft.failed(decision.error, decision.failure)
        if position.continued is not None:
            return draft.continued(position.continued.input, position.unread)
        return draft.completed(decision.output, position.next_id)

    def _schedule(self, draft: Draft, position: Position) -> None:
        past = draft.intake.past
        for number, leaf in sorted(position.started.items()):
            if past.created(number):
                continue
            self._check(leaf, draft.instance)
            draft.schedule(number, leaf, position.requests.get(number), self._options)
        fired = {event.task for event in draft.new if event.kind is EventKind.TIMER_FIRED}
        draft.cancelled = sorted(position.cancelled - fired - past.cancelled)

    def _check(self, leaf: Leaf, instance: InstanceStatus) -> None:
        match leaf:
            case CallActivity(name=name) if name != HTTP_ACTIVITY:
                self._require("activity", name)
            case CallChild(name=name, instance=child):
                self._require("orchestrator", name)
                if child is not None and not self._fixed:  # under ``fixed`` the call fails alone
                    check_child(child, instance)
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
            return await self._commit(Draft(loaded, intake, now).failed(reason, bare=True))
        if instance.blocked != reason:
            log.error("Instance %s waits: %s", instance.instance_id, reason)
            await self._store.commit(Turn(instance=replace(instance, blocked=reason)))
        return Progress(unused=tuple(finished), unused_for_good=True)

    async def _stand_still(self, loaded: Loaded, intake: Intake, now: datetime) -> Progress:
        """A suspended instance only records that it is."""
        waiting = Progress(unused=tuple(intake.unused), unused_for_good=True)
        if not intake.consumed:
            return waiting
        draft = Draft(loaded, intake, now)
        progress = await self._commit(draft.suspended())
        return replace(progress, unused=waiting.unused, unused_for_good=True)

    async def _drop(self, loaded: Loaded, intake: Intake) -> Progress:
        """Nothing is new: forget duplicates, late and foreign messages."""
        if intake.consumed or intake.timers or intake.activities:
            await self._store.commit(
                Turn(
                    instance=loaded.instance,
                    consumed=tuple(intake.consumed),
                    ended_timers=tuple(intake.timers),
                    ended_activities=tuple(intake.activities),
                )
            )
        return Progress(unused=tuple(intake.unused))

    async def _commit(self, draft: Draft) -> Progress:
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
        if refused or draft.intake.more or deliverable(draft.intake.held, draft.waits):
            wake.add(turn.instance.instance_id)
        return Progress(
            wake=frozenset(wake),
            activities=turn.activities,
            timers=turn.timers,
            unused=tuple(draft.intake.unused),
            instance=turn.instance,
        )
