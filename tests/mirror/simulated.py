"""Cases that never were, as the engine would tell of them: driven traces that are revealed bit by bit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from domain.errors import Unavailable
from domain.process.conformance import Walk, walk
from domain.process.seen import Seen, What
from mirror.source import Answer, History, Standing, Step, seen
from tests.processes.driven import driven
from tests.processes.traces import model

OPENS = ("open-review", "request-information")
EPOCH = datetime(2026, 11, 2, tzinfo=UTC)


@dataclass
class Simulated:
    """One case: all that will be seen of it, and how much of it has happened."""

    id: str
    workflow: str
    steps: list[Step]
    waits: dict[int, tuple[str, str]]
    """Steps that have happened -> where and at which task the case waits then."""
    happened: int = 0
    version: str = "1.0.0"
    runtime: str | None = None
    """Where it is none that follows from the steps."""
    execution: str = "1"
    begins: int = 0
    """Steps of earlier executions."""
    updated: datetime = field(default_factory=lambda: _instant())
    _walks: dict[int, Walk] = field(default_factory=dict)

    def happens(self, steps: int = 1) -> None:
        """Some more of it has happened."""
        self.happened = min(self.happened + steps, len(self.steps))
        self.updated = _instant()

    @property
    def ended(self) -> bool:
        return self.happened == len(self.steps)

    def history(self, upto: int | None = None) -> History:
        happened = self.happened if upto is None else upto
        steps = self.steps[self.begins : happened]
        over = bool(steps) and steps[-1].what is What.ENDED
        waits = self.waits.get(happened)
        standing = {"step": waits[0], "waitingFor": "reviewer", "task": f"Task/{waits[1]}"} if waits else {"step": ""}
        return History(
            id=self.id,
            workflow=self.workflow,
            version=self.version,
            runtime=self.runtime or ("Completed" if over else "Running"),
            execution=self.execution,
            standing=standing,
            steps=tuple(steps),
        )

    def expected(self) -> Walk:
        """Where it should stand."""
        if self.happened not in self._walks:
            self._walks[self.happened] = walk(seen(self.steps[: self.happened]), model(self.workflow))
        return self._walks[self.happened]


def _instant() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def written(case: Simulated) -> dict[str, Any]:
    """A case as JSON: to drive one takes longer than to read it."""
    steps = [step.model_dump(mode="json", exclude_defaults=True) for step in case.steps]
    return {"id": case.id, "workflow": case.workflow, "steps": steps, "waits": list(case.waits.items())}


def read(document: dict[str, Any]) -> Simulated:
    """The case that was written."""
    steps = [Step.model_validate(step) for step in document["steps"]]
    waits = {happened: (where, task) for happened, (where, task) in document["waits"]}
    return Simulated(document["id"], document["workflow"], steps, waits)


def simulated(id_: str, workflow: str, random: Random) -> Simulated:
    """A case of ``workflow``, driven at random."""
    steps: list[Step] = []
    waits: dict[int, tuple[str, str]] = {}
    task, tasks = "", 0
    for one in driven(workflow, random):
        if one.what is What.WAITS:
            waits[len(steps)] = (one.step, task)
            continue
        if one.what is What.COMPLETED and one.step in OPENS:
            tasks += 1
            task = f"{id_}-t{tasks}"
            one = _with_task(one, task)
        steps.append(Step(what=one.what, step=one.step, aside=one.aside, variables=dict(one.variables)))
    return Simulated(id_, workflow, steps, waits)


def _with_task(one: Seen, task: str) -> Seen:
    return Seen(one.what, one.step, {**one.variables, "task": task}, one.aside)


@dataclass
class SimulatedSource:
    """``Source`` of simulated cases."""

    cases: dict[str, Simulated] = field(default_factory=dict)
    away: bool = False
    stale: Random | None = None
    """Answers now and then with what was so before."""
    decisions: list[tuple[str, str, str, dict[str, Any]]] = field(default_factory=list)
    answer: Answer = field(default_factory=lambda: Answer(True))

    in_vain: int = 0
    """Questions that were not answered."""

    def add(self, case: Simulated) -> Simulated:
        self.cases[case.id] = case
        return case

    async def instances(self, ended_since: datetime | None) -> Sequence[Standing]:
        self._ask()
        return [
            Standing(id=each.id, workflow=each.workflow, runtime=each.history().runtime, updated=each.updated)
            for each in self.cases.values()
        ]

    async def history(self, case: str) -> History | None:
        self._ask()
        found = self.cases.get(case)
        if found is None:
            return None
        behind = (
            self.stale.randrange(found.begins, found.happened + 1) if self.stale and self.stale.random() < 0.3 else None
        )
        return found.history(behind)

    async def decide(self, task: str, person: str, mark: str, body: dict[str, Any]) -> Answer:
        self._ask()
        self.decisions.append((task, person, mark, body))
        return self.answer

    def _ask(self) -> None:
        if self.away:
            self.in_vain += 1
            raise Unavailable("engine", "away")
