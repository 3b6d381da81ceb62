"""The mirror at work: hints and a sweep say which cases to look at, jobs that Camunda is ready for the next move."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Final

from adapters.camunda.base import Camunda, Job
from adapters.camunda.people import People
from domain.errors import Defect, Unavailable
from domain.process.model import Model
from mirror.jobs import FINISHED, STEP, WAIT
from mirror.names import read
from mirror.plan import Plan, plan, take_up
from mirror.reconcile import Reconciler
from mirror.source import Source
from mirror.store import Case, State, Store
from mirror.tasks import Tasks

LOG: Final = logging.getLogger("workflow.mirror")
KINDS: Final = (STEP, FINISHED, WAIT)
FORM: Final = ("decision", "reason", "quantity", "start", "end", "information")
FETCH: Final = ("durableId", "mirrored", "task", *FORM)
"""Variables that come with a job."""
Work = Callable[[], Awaitable[bool]]
"""Something to do for a case. Says whether it is done; else the case is looked at again."""
SELDOM: Final = 10
"""Sweeps of which one asks for what has ended too: who was never heard of is found by it; the others are known."""
STRIKES: Final = 4
"""Inspections, spread over the time of ``Pace.patience``, after which a late case is begun anew."""
DOUBT: Final = 1.5
"""Leases within which a job must have come that tells whether a move was made."""
LONGEST: Final = 15.0
"""Seconds between two tries while a side is away."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast it works. Seconds, where nothing else is said."""

    quiet: float = 1.0
    """How long a case is let alone after a hint, so that one look sees several steps."""
    sweep: float = 60.0
    """Between two looks at all that is open."""
    lease: float = 60.0
    """After which a job that was handed out, and not ended, comes again."""
    patience: float = 180.0
    """How long a move waits for its job before it is inspected. After as long again, in which Camunda has answered and
    the mirror could keep up, somebody is taken to have moved the instance by hand."""
    back: timedelta = timedelta(days=1)
    """How far back ended instances are taken up the first time."""
    at_once: int = 32
    """Cases that are worked on at once."""


class Mirror:
    """Shows the instances of ``source`` in ``camunda``. ``models``: by workflow and version."""

    def __init__(
        self,
        source: Source,
        camunda: Camunda,
        people: People,
        store: Store,
        models: Mapping[tuple[str, str], Model],
        pace: Pace = Pace(),
    ) -> None:
        self._source, self._camunda, self._store = source, camunda, store
        self._models, self._pace = models, pace
        self.reconciler = Reconciler(camunda, store, time.time, DOUBT * pace.lease)
        self._tasks = Tasks(source, camunda, people, store, self.reconciler, time.time)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._plans: dict[str, Plan] = {}
        self._due: dict[str, float] = {}
        """When a case is looked at next (monotonic)."""
        self._read_at: dict[str, datetime] = {}
        self._slots = asyncio.Semaphore(pace.at_once)
        self._working: set[asyncio.Task[None]] = set()
        self._pause = 0.0
        self._resume_at = 0.0
        self._suspects: Counter[str] = Counter()
        """Inspections that found a case late and its instance there. Who could not work meanwhile starts anew."""

    def hint(self, case: str) -> None:
        """Something happened in ``case``."""
        self._due.setdefault(case, time.monotonic() + self._pace.quiet)

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for loop in (self._take_jobs, self._look, self._sweep, self._inspect):
                group.create_task(loop())

    async def aclose(self) -> None:
        """Wait for what is under way."""
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    # -- loops -------------------------------------------------------------------------------------------------------

    async def _take_jobs(self) -> None:
        async for job in self._camunda.jobs(KINDS, FETCH, self._pace.lease):
            name = job.variables.get("durableId")
            if isinstance(name, str):
                case, _ = read(name)
                self._spawn(case, partial(self._job, case, job))

    async def _look(self) -> None:
        while True:
            now = time.monotonic()
            for case in [case for case, at in self._due.items() if at <= now]:
                del self._due[case]
                self._spawn(case, partial(self._case, case))
            await asyncio.sleep(min(self._pace.quiet / 4, 0.1))

    async def _sweep(self) -> None:
        since = _instant() - self._pace.back
        for number in count():
            began = _instant()
            ended = number % SELDOM == 0  # the engine has to go through all that ever ended
            try:
                await self.sweep(since if ended else None)
                since = began - timedelta(seconds=self._pace.sweep) if ended else since
            except Unavailable:
                pass  # its source has said so
            except Defect as error:
                LOG.error("the sweep failed, and is tried again: %s", error.code)
            await asyncio.sleep(self._pace.sweep)

    async def sweep(self, since: datetime | None) -> None:
        """Look at all that is open, here or there, and has changed since it was read. Raises ``Unavailable``."""
        listed = await self._source.instances(since)
        known = {case.id: case for case in self._store.cases(State.OPEN)}
        for standing in listed:
            read = self._read_at.get(standing.id)
            if read is None or standing.updated > read:
                self._due.setdefault(standing.id, 0.0)
        for case in sorted(known.keys() - {standing.id for standing in listed}):
            self._due.setdefault(case, 0.0)

    async def _inspect(self) -> None:
        while True:
            await asyncio.sleep(self._pace.patience / STRIKES)
            if len(self._working) > self._pace.at_once:
                self._suspects.clear()
            for case in self._store.cases(State.OPEN):
                if self._resume_at <= time.monotonic() and self._late(case):
                    self._spawn(case.id, partial(self._inspected, case.id))
                else:
                    del self._suspects[case.id]

    def _late(self, case: Case) -> bool:
        """Whether the job of its next move has not come for long."""
        return case.waits_since is not None and case.waits_since < time.time() - self._pace.patience

    # -- one case at a time ------------------------------------------------------------------------------------------

    def _spawn(self, case: str, work: Work) -> None:
        task = asyncio.create_task(self._guarded(case, work))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _guarded(self, case: str, work: Work) -> None:
        """Do ``work`` when it is the turn of the case; what an outage has stopped is done again later."""
        async with self._locks[case], self._slots:
            await asyncio.sleep(max(0.0, self._resume_at - time.monotonic()))
            try:
                done = await work()
                self._pause = 0.0
            except Unavailable:
                self._back_off()
                done = False
            except Exception as error:
                LOG.exception("case %s: %s", case, type(error).__name__)
                self._due[case] = time.monotonic() + self._pace.sweep
                return
        if not done:
            self._due.setdefault(case, time.monotonic() + max(self._pause, self._pace.quiet))

    def _back_off(self) -> None:
        """Longer from one outage to the next; many cases that meet the same one count once."""
        now = time.monotonic()
        if now >= self._resume_at:
            self._pause = min(max(self._pause * 2, 0.1), LONGEST)
            self._resume_at = now + self._pause
        self._suspects.clear()
        self.reconciler.jobs.silent()

    async def _case(self, id_: str) -> bool:
        """Read the case and make what moves it can."""
        await self._read(id_)
        return await self._advance(id_)

    async def _job(self, id_: str, job: Job) -> bool:
        """A job was handed out."""
        case = self._store.case(id_)
        if case is None:
            case = await self._begin(id_)
            if case is None:
                return True
        noted = await self.reconciler.arrived(case, job)
        if noted is not None and noted.kind == FINISHED and not await self._tasks.completed(case, noted, self._read):
            return False
        return await self._advance(id_)

    async def _advance(self, id_: str) -> bool:
        case, shown = self._store.case(id_), self._plans.get(id_)
        if case is None or shown is None or case.state is not State.OPEN:
            return True
        for job in self._store.jobs(id_):
            if job.kind == FINISHED and not await self._tasks.completed(case, job, self._read):
                return False
        await self.reconciler.advance(case, shown)
        if case.state is not State.OPEN:
            self._plans.pop(id_, None)
            self._locks.pop(id_, None)
        elif case.cursor > len(shown.moves) and not shown.failed and not shown.stopped:
            self._plans.pop(id_, None)  # nothing is owed: the next look makes a new one
        elif case.cursor <= len(shown.moves) and (seconds := self.reconciler.jobs.in_doubt(case)):
            self._due[id_] = time.monotonic() + seconds
        return case.state is not State.OPEN or not shown.ends(case.cursor)

    async def _read(self, id_: str) -> Plan | None:
        """The plan of the case as it is now; ``None`` when there is nothing to show."""
        case = await self._begin(id_)
        if case is None or case.state in (State.CLOSED, State.UNKNOWN):
            return None
        return self._plans.get(id_)

    async def _begin(self, id_: str) -> Case | None:
        read_at = _instant()
        history = await self._source.history(id_)
        case = self._store.case(id_)
        if history is None:
            if case is not None and case.state is State.OPEN:
                LOG.warning("case %s: its durable instance is gone", id_)
                await self.reconciler.forget(case)
            return None
        case = case or Case(id_, history.workflow)
        if not take_up(case, history):
            await self.reconciler.begin_anew(case)
            take_up(case, history)
        self._read_at[id_] = read_at
        model = self._models.get((case.workflow, case.version))
        if model is None:
            case.state = State.UNKNOWN
        elif case.state is State.UNKNOWN:
            case.state = State.OPEN
        self._store.save(case)
        if model is not None and case.state is State.OPEN:
            self._plans[id_] = plan(case, history, model)
        return case

    async def _inspected(self, id_: str) -> bool:
        done = await self._case(id_)
        case = self._store.case(id_)
        if case is None or case.state is not State.OPEN or not self._late(case):
            return done  # it could go on after all
        anew = await self.reconciler.inspect(case, self._plans.get(id_), at_last=self._suspects[id_] >= STRIKES)
        self._suspects[id_] = 0 if anew else self._suspects[id_] + 1
        return await self._advance(id_)


def _instant() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def known_models(models: Sequence[Model]) -> dict[tuple[str, str], Model]:
    """By workflow and version."""
    return {(model.process, model.version): model for model in models}
