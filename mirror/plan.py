"""What Camunda should show of a case: a pure function of its coded history and its model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from domain.process.conformance import walk
from domain.process.model import Model
from domain.process.moves import Kind, Move
from domain.process.tokens import Stands
from mirror.source import History, Step, seen
from mirror.store import Case

FAILED: Final = "Failed"
STOPPED: Final = frozenset({"Terminated", "Canceled"})
"""Durable runtime statuses of an instance that somebody ended."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The moves, and how the tokens stand after them."""

    moves: tuple[Move, ...]
    failed: frozenset[str]
    """Steps whose last try was in vain."""
    code: str
    """Why."""
    runtime: str
    deviation: str | None
    facts: Mapping[str, str | None]
    """What Camunda tells of the case beside its moves: when it is due, its urgency and line of business."""
    task: str
    """Id of the human task at which the case waits now; empty when it waits at none."""

    def ends(self, cursor: int) -> bool:
        """Whether the next move is the end: no job tells that Camunda has come to it."""
        return cursor == len(self.moves) and self.moves[-1].kind is Kind.END

    @property
    def stopped(self) -> bool:
        """Whether somebody ended the case before it was over."""
        return self.runtime in STOPPED


def plan(case: Case, history: History, model: Model) -> Plan:
    """``case.past`` holds what was seen before the instance went on as new."""
    walked = walk(seen((*_steps(case.past), *history.steps)), model)
    failed = frozenset(token.element for token in walked.tokens if token.stands is Stands.FAILED)
    standing = history.standing or {}
    waits = history.open and standing.get("waitingFor") in ("reviewer", "provider")
    return Plan(
        moves=walked.moves,
        failed=failed,
        code=_code(history),
        runtime=history.runtime,
        deviation=walked.deviation,
        facts={"due": history.due, "urgency": history.urgency, "lineOfBusiness": history.line_of_business},
        task=str(standing.get("task") or "").removeprefix("Task/") if waits else "",
    )


def take_up(case: Case, history: History) -> bool:
    """Note in ``case`` what was read. False when the instance was started anew after its end, which another process
    instance has to show."""
    if case.execution and case.execution != history.execution:
        ended = any(step.what == "ended" for step in _steps(case.steps))
        if ended:
            case.past, case.steps = "[]", "[]"
        else:
            case.past = _text([*_steps(case.past), *_steps(case.steps)])
        case.execution = history.execution
        return not ended
    case.execution = history.execution
    if len(history.steps) != len(json.loads(case.steps)):
        case.steps = _text(history.steps)
    case.workflow, case.version, case.runtime = history.workflow, history.version, history.runtime
    return True


def _code(history: History) -> str:
    """Why the last try was in vain, as an operator is told."""
    detail = str((history.standing or {}).get("detail") or "")
    return history.failure or detail.partition(" ")[0] or "failed"


def _steps(text: str) -> list[Step]:
    return [Step.model_validate(each) for each in json.loads(text)]


def _text(steps: Sequence[Step]) -> str:
    return json.dumps([each.model_dump(mode="json", exclude_defaults=True) for each in steps])
