"""Makes what Camunda shows of a case equal to its durable history, one command a move.

Every command that moves a token sets the variable ``mirrored`` with it, in one transaction of the engine. So Camunda
itself says how far a case is; each job that is handed out brings that along, and a command that is sent again after a
doubt (a crash, an answer that was lost, a second mirror) meets an engine that has moved on, and changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from adapters.camunda.base import Camunda, Job, Message
from domain.errors import Conflict
from domain.process.model import DUE
from domain.process.moves import Kind, Move
from domain.process.routing import INITIAL
from mirror.jobs import ENDED, FINISHED, STEP, WAIT, Jobs
from mirror.names import named, read
from mirror.plan import Plan
from mirror.store import Case, JobState, OpenJob, State, Store

LOG: Final = logging.getLogger("workflow.mirror")
TELL: Final = frozenset({"open-case", "set-deadline"})
"""Steps after which the facts of a case are told: they may have changed."""
RUNS: Final = 5
"""Process instances that a case is shown with at most: who takes tokens away again and again is left alone."""


class Reconciler:
    """Works on one case at a time; the caller sees to it that nobody else works on the same one."""

    def __init__(self, camunda: Camunda, store: Store, now: Callable[[], float], doubt: float) -> None:
        """``doubt``: see ``Jobs``."""
        self._camunda, self._store, self._now = camunda, store, now
        self.jobs = Jobs(store, now, doubt)

    async def advance(self, case: Case, plan: Plan) -> None:
        """Make the moves that Camunda does not show yet, as far as its jobs have come. Raises ``Unavailable``."""
        if case.cursor == 0:
            await self._start(case)
        while case.cursor <= len(plan.moves):
            if not await self._make(case, plan):
                if case.waits_since is None:
                    case.waits_since = self._now()
                    self._store.save(case)
                return
            self._reach(case, case.cursor + 1)
            if case.state is State.CLOSED:
                return
        await self._settle(case, plan)

    async def arrived(self, case: Case, job: Job) -> OpenJob | None:
        """Note a job that was handed out; ``None`` for one of a process instance that shows the case no more."""
        _, run = read(str(job.variables["durableId"]))
        if run < case.run or case.state is State.CLOSED:
            await self._camunda.cancel(job.instance)
            return None
        known = self._store.job(job.key)
        if job.kind == WAIT and known:
            await self._camunda.complete(job.key, {})
            return known
        if known and known.state in ENDED:
            return known
        state = JobState.TAKEN if known and known.state is JobState.TAKEN else JobState.OPEN
        cursor = int(job.variables.get("mirrored", 1))
        case.run, case.instance = run, job.instance
        if cursor > case.cursor:
            case.cursor, case.waits_since = cursor, None
        self._store.save(case)
        noted = OpenJob(
            key=job.key,
            case_id=case.id,
            kind=job.kind,
            element=job.element,
            element_instance=job.element_instance,
            instance=job.instance,
            definition=job.definition,
            cursor=cursor,
            state=state,
            variables=job.variables if job.kind == FINISHED else {},
        )
        self._store.put(noted)
        if job.kind == WAIT:
            await self._camunda.complete(job.key, {})
            self.jobs.note(noted, JobState.DONE)
        return noted

    async def inspect(self, case: Case, plan: Plan | None, *, at_last: bool) -> bool:
        """A job has not come for long. Begin anew where the process instance is gone, and ``at_last`` where it stands
        otherwise than durable history says: somebody moved it by hand. Whether it was."""
        if case.instance is None:
            await self._start(case)
            return False
        there = await self._camunda.show(case.instance, {"durable": case.runtime})
        if there and not at_last:
            return False
        self._tell_why(case, plan, there)
        await self.begin_anew(case)
        return True

    def _tell_why(self, case: Case, plan: Plan | None, there: bool) -> None:
        """Which move has waited in vain, and the jobs of its element that are known: elements and numbers only."""
        if plan is None or not 0 < case.cursor <= len(plan.moves):
            return
        move = plan.moves[case.cursor - 1]
        jobs = [
            (j.kind, j.state.value, j.cursor, j.move) for j in self._store.jobs(case.id) if j.element == move.element
        ]
        stands = "is there" if there else "is gone"
        LOG.warning(
            "case %s: its process instance %s, and move %d (%s %s) waits; jobs (kind, state, mark, move): %s",
            *(case.id, stands, case.cursor, move.kind, move.element, jobs),
        )

    async def begin_anew(self, case: Case) -> None:
        """Show the case with another process instance, from its start."""
        if case.instance is not None:
            await self._camunda.cancel(case.instance)
        LOG.warning("case %s: shown anew, with process instance number %d", case.id, case.run + 1)
        case.run += 1
        case.cursor, case.instance, case.shown, case.waits_since = 0, None, "", None
        case.state = State.OPEN if case.run <= RUNS else State.LOST
        self._store.drop_all(case.id)
        self._store.save(case)

    # -- moves -------------------------------------------------------------------------------------------------------

    async def _start(self, case: Case) -> None:
        variables = {
            **INITIAL,
            "timers": {"information": None},  # the durable engine watches the time
            "durableId": named(case.id, case.run),
            "mirrored": 1,
        }
        id_ = f"{case.id}:{case.run}"
        await self._camunda.publish(Message(f"{case.workflow}.start", named(case.id, case.run), id_, variables))
        self._reach(case, 1)

    async def _make(self, case: Case, plan: Plan) -> bool:
        move = plan.moves[case.cursor - 1]
        match move.kind:
            case Kind.JOB:
                return await self._step_done(case, move, plan)
            case Kind.TASK:
                return await self._task_done(case, move)
            case Kind.MESSAGE:
                return await self._message_came(case, move)
            case Kind.TIMER:
                return await self._time_is_up(case, move, plan.moves)
            case Kind.END:
                return await self._ended(case)

    async def _step_done(self, case: Case, move: Move, plan: Plan) -> bool:
        facts = plan.facts if move.element in TELL else {}
        for job in self.jobs.steps(case, move.element, plan.moves):
            if job.state is JobState.FAILED:
                await self._clear(job)
                continue
            await self._pin(case, job)
            try:
                there = await self._camunda.complete(job.key, self._marked(case, {**move.variables, **facts}))
            except Conflict:
                self.jobs.note(job, JobState.FAILED)
                await self._clear(job)
                continue
            self.jobs.use(case, job, there=there)
            break  # one that is gone casts doubt on the others
        return self.jobs.made(case, STEP, move.element)

    async def _task_done(self, case: Case, move: Move) -> bool:
        """By the person's own completion where that has come, else by the message that it was done elsewhere."""
        for job in self.jobs.finished(case, move.element):
            await self.let_go(job, case.cursor + 1)
            return True
        await self._publish(case, move)
        return True

    async def let_go(self, job: OpenJob, cursor: int) -> None:
        """A user task that a person has completed is over. The variables of a listener's job would stay in the scope of
        its task, so ``mirrored`` follows by itself; a mark that is older than it could be does no harm."""
        await self._camunda.complete(job.key, {})
        await self._camunda.show(job.instance, {"mirrored": cursor})
        self.jobs.note(job, JobState.DONE)

    async def _message_came(self, case: Case, move: Move) -> bool:
        for job in self.jobs.finished(case, move.element):  # a task that a person has completed hears no message
            await self.reopen(case, job, "over")
        await self._publish(case, move)
        return True

    async def _time_is_up(self, case: Case, move: Move, moves: Sequence[Move]) -> bool:
        for job in self.jobs.waits(case, move.element, moves):
            there = await self._camunda.move(job.instance, job.element_instance, move.target, self._marked(case))
            self.jobs.use(case, job, there=there)
            if there:
                return True
        return self.jobs.made(case, WAIT, move.element)

    async def _ended(self, case: Case) -> bool:
        """Whether the engine says so too."""
        if case.instance is None or await self._camunda.show(case.instance, {"durable": case.runtime}):
            return False
        self._close(case)
        return True

    async def reopen(self, case: Case, job: OpenJob, code: str) -> None:
        """Give a user task that was completed in vain back: a new one in its place, which says why (``refused``)."""
        if case.instance is not None:
            await self._camunda.move(case.instance, job.element_instance, job.element, {"refused": code})
        self.jobs.note(job, JobState.DONE)

    # -- what is so, whatever has moved ------------------------------------------------------------------------------

    async def _settle(self, case: Case, plan: Plan) -> None:
        """All moves are made: show failures, and how the durable instance stands."""
        if plan.stopped:
            await self._stop(case)
            return
        for job in self.jobs.of(case, STEP):
            if job.state is JobState.OPEN and job.element in plan.failed:
                if await self._camunda.fail(job.key, plan.code):
                    self.jobs.note(job, JobState.FAILED)
                else:  # it was completed before, and what was read is older: the next move may be this one
                    self.jobs.use(case, job, there=False)
            elif job.state is JobState.FAILED and job.element not in plan.failed:
                await self._clear(job)
        if case.instance is None:
            return
        if plan.runtime != (case.shown or "Running"):
            await self._camunda.show(case.instance, {"durable": plan.runtime})
            case.shown = plan.runtime
        if plan.deviation:
            LOG.error("case %s: %s", case.id, plan.deviation)
            await self._camunda.show(case.instance, {"deviation": plan.deviation})
            case.state = State.DEVIATES
        self._store.save(case)

    async def _stop(self, case: Case) -> None:
        if case.instance is None:
            return  # it was begun, and its first job will tell its key
        await self._camunda.cancel(case.instance)
        self._close(case)

    async def _clear(self, job: OpenJob) -> None:
        """End an incident: the step is entered anew, and a fresh job comes."""
        await self._camunda.move(job.instance, job.element_instance, job.element, {})
        self.jobs.note(job, JobState.DONE)

    async def forget(self, case: Case) -> None:
        """The durable instance is no more: end what shows it."""
        if case.instance is not None:
            await self._camunda.cancel(case.instance)
        self._close(case)

    async def _pin(self, case: Case, job: OpenJob) -> None:
        """A message starts the newest version of a process; the first job lets it go on as the version of the case."""
        wanted = self._store.definition(case.workflow, case.version)
        if wanted is not None and job.definition != wanted[0] and case.cursor == 1:
            await self._camunda.migrate(job.instance, wanted[0], [job.element])

    async def _publish(self, case: Case, move: Move) -> None:
        about = named(case.id if move.name.endswith(DUE) else move.task, case.run)
        id_ = f"{case.id}:{case.run}:{case.cursor}"
        await self._camunda.publish(Message(move.name, about, id_, self._marked(case)))

    def _marked(self, case: Case, variables: Any = None) -> dict[str, Any]:
        marked = {**(variables or {}), "mirrored": case.cursor + 1}
        if task := marked.get("task"):
            marked["task"] = named(task, case.run)
        return marked

    def _reach(self, case: Case, cursor: int) -> None:
        case.cursor, case.waits_since = cursor, None
        self._store.save(case)

    def _close(self, case: Case) -> None:
        case.state, case.waits_since = State.CLOSED, None
        self._store.drop_all(case.id)
        self._store.save(case)
