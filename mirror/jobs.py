"""Which jobs of a case a move may use, and whether it used one before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from domain.process.moves import Kind, Move
from mirror.store import Case, JobState, OpenJob, Store

STEP: Final = "durable.step"
FINISHED: Final = "durable.usertask.end"
"""Type of the job that a user task leaves when a person has completed it."""
WAIT: Final = "durable.wait"
"""Type of the job of a wait that begins, by which the key of its element instance is learnt."""
ENDED: Final = frozenset({JobState.DONE, JobState.GONE})
USABLE: Final = frozenset({JobState.OPEN, JobState.FAILED})


class Jobs:
    """The jobs that were handed out, as the store knows them."""

    def __init__(self, store: Store, now: Callable[[], float], doubt: float) -> None:
        """``doubt``: seconds. A job that is not there any more when it is to be completed was completed before, by a
        command whose answer was lost; or the engine, after a crash, has worked again on what came before, and given
        the job another key. A job that is handed out later tells which, by its mark, or by being another one of the
        element. Without either, the move is taken as made after this time, in which the mirror was up and Camunda
        answered: else no job could have come."""
        self._store, self._now, self._doubt = store, now, doubt
        self._up = now()

    def silent(self) -> None:
        """Camunda does not answer: what has not come tells nothing."""
        self._up = self._now()

    def of(self, case: Case, kind: str, element: str | None = None) -> list[OpenJob]:
        """Those of the process instance that shows the case; the ones without an incident first."""
        found = [job for job in self._store.jobs(case.id) if job.kind == kind and job.instance == case.instance]
        return sorted(
            (job for job in found if element in (None, job.element)), key=lambda job: job.state is JobState.FAILED
        )

    def steps(self, case: Case, element: str, moves: Sequence[Move]) -> Iterator[OpenJob]:
        """Jobs that the next move, a step done, may be about. A job is completed by the first move of its element after
        it was there; one that such a move has passed is a job that another one has completed."""
        jobs = self.of(case, STEP, element)
        made = {n for n, move in _before(case, moves) if (move.kind, move.element) == (Kind.JOB, element)}
        owed = made - {job.move for job in jobs if job.state in ENDED}
        for job in jobs:
            if job.state in USABLE and job.cursor <= case.cursor and not any(n >= job.cursor for n in owed):
                yield job

    def waits(self, case: Case, element: str, moves: Sequence[Move]) -> list[OpenJob]:
        """Those of the wait at which the case stands: it began after the element was left last."""
        left = max((n for n, move in _before(case, moves) if move.leaves and move.element == element), default=0)
        return [job for job in self.of(case, WAIT, element) if job.cursor > left and not job.move]

    def finished(self, case: Case, element: str) -> list[OpenJob]:
        """User tasks that a person has completed and that are not over yet."""
        return [job for job in self.of(case, FINISHED, element) if job.state not in ENDED]

    def note(self, job: OpenJob, state: JobState) -> None:
        """Store how it stands."""
        job.state = state
        self._store.put(job)

    def use(self, case: Case, job: OpenJob, *, there: bool) -> None:
        """Store that it was used for the next move. One that was not ``there`` any more leaves a doubt, and time: if
        it was completed for this move, another one of its element is for the next. What is handed out from now on
        brings the mark that tells."""
        job.move = case.cursor
        self.note(job, JobState.DONE if there else JobState.GONE)
        if not there:
            case.waits_since = self._now()
            self._store.save(case)
            for other in self.of(case, job.kind, job.element):
                if other.state is JobState.OPEN:
                    self.note(other, JobState.DOUBTED)

    def made(self, case: Case, kind: str, element: str) -> bool:
        """Whether the next move was made before: for sure, or because no other job has come within the time."""
        used = {job.state for job in self.of(case, kind, element) if job.move == case.cursor}
        return JobState.DONE in used or (JobState.GONE in used and self._waited(case) >= self._doubt)

    def in_doubt(self, case: Case) -> float:
        """Seconds after which the next move is to be looked at again; 0 when there is no doubt whether it was made."""
        gone = any(job.state is JobState.GONE and job.move == case.cursor for job in self._store.jobs(case.id))
        return max(self._doubt - self._waited(case), 0.1) if gone else 0.0

    def _waited(self, case: Case) -> float:
        return self._now() - max(case.waits_since or self._now(), self._up)


def _before(case: Case, moves: Sequence[Move]) -> Iterator[tuple[int, Move]]:
    """The moves before the next one, with their numbers."""
    return enumerate(moves[: case.cursor - 1], 1)
