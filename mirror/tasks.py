"""Decisions that persons make in Camunda's Tasklist, brought to the engine: one wins, the others are told."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from adapters.camunda.base import Camunda, Message
from adapters.camunda.people import People
from domain.process.moves import Kind
from mirror.form import decision
from mirror.names import read as read_name
from mirror.plan import Plan
from mirror.reconcile import Reconciler
from mirror.source import Answer, Source
from mirror.store import Case, JobState, OpenJob, Store

LOG: Final = logging.getLogger("workflow.mirror")
NOTICE: Final = "decision-refused"
"""Message that starts the process by which a person is told."""
UNKNOWN: Final = "unknown-person"
PATIENCE: Final = 60.0
"""Seconds within which Camunda's search must know who completed a task."""

Read = Callable[[str], Awaitable[Plan | None]]


class Tasks:
    """Works on one case at a time; the caller sees to it that nobody else works on the same one."""

    def __init__(
        self,
        source: Source,
        camunda: Camunda,
        people: People,
        store: Store,
        reconciler: Reconciler,
        now: Callable[[], float],
    ) -> None:
        self._source, self._camunda, self._people = source, camunda, people
        self._store, self._reconciler, self._now = store, reconciler, now
        self._asked: dict[int, float] = {}

    async def completed(self, case: Case, job: OpenJob, read: Read) -> bool:
        """Bring the decision of the completed user task to the engine. False when it is to be tried again: who decided
        is not known yet. Raises ``Unavailable``. ``read``: the case as it is now."""
        if job.state in (JobState.TAKEN, JobState.DONE):
            return True
        person = await self._people.completed(job.instance, job.element_instance)
        if person is None and self._now() - self._asked.setdefault(job.key, self._now()) < PATIENCE:
            return False
        self._asked.pop(job.key, None)
        answer = await self._decide(job, person)
        if answer.taken:
            job.state = JobState.TAKEN
            self._store.put(job)
            return True
        LOG.warning("case %s: a decision made in Tasklist was refused (%s)", case.id, answer.code)
        await self._tell(case, job, person, answer.code)
        await self._give_back(case, job, await read(case.id), answer.code)
        return True

    async def _decide(self, job: OpenJob, person: str | None) -> Answer:
        if person is None:
            return Answer(False, UNKNOWN)
        body = decision(job.variables)
        if isinstance(body, str):
            return Answer(False, body)
        task, _ = read_name(str(job.variables.get("task") or ""))
        return await self._source.decide(task, person, f"camunda:{job.key}", body)

    async def _tell(self, case: Case, job: OpenJob, person: str | None, code: str) -> None:
        """A task of its own in Tasklist: the person sees which decision was not taken, and why."""
        if person is None:
            return
        variables = {"durableId": case.id, "person": person, "code": code}
        await self._camunda.publish(Message(NOTICE, str(job.key), f"{NOTICE}:{job.key}", variables))

    async def _give_back(self, case: Case, job: OpenJob, plan: Plan | None, code: str) -> None:
        """The task is open again where the case still waits for it. Else the case has gone on: the next move finds the
        listener's job, or was made already, by a message that this completion has swallowed."""
        task, _ = read_name(str(job.variables.get("task") or ""))
        if plan is None or plan.task == task:
            await self._reconciler.reopen(case, job, code)
            return
        moved = plan.moves[: max(case.cursor - 1, 0)]
        if any(move.kind in (Kind.TASK, Kind.MESSAGE) and move.task == task for move in moved):
            await self._reconciler.let_go(job, case.cursor)
