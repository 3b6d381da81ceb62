"""The moves of a case: they only grow, and each names what it needs."""

from __future__ import annotations

import pytest

from domain.process.conformance import walk
from domain.process.moves import Kind
from tests.processes.traces import MODELS, Trace, model, traces

CASES = [(each.process, trace) for each in MODELS for trace in traces(each.process)[::7]]


@pytest.mark.parametrize(("workflow", "trace"), CASES, ids=lambda each: each[0] if isinstance(each, tuple) else each)
def test_moves_only_grow(workflow: str, trace: Trace) -> None:
    steps = trace[1]
    moves = walk(steps, model(workflow)).moves
    for seen in range(0, len(steps), 3):
        before = walk(steps[:seen], model(workflow)).moves
        assert moves[: len(before)] == before


@pytest.mark.parametrize("workflow", [each.process for each in MODELS])
def test_moves_name_elements_and_tasks(workflow: str) -> None:
    found = [move for trace in traces(workflow) for move in walk(trace[1], model(workflow)).moves]
    elements = model(workflow).elements
    assert {move.kind for move in found} >= {Kind.JOB, Kind.TASK, Kind.MESSAGE, Kind.END}
    for move in found:
        assert move.kind is Kind.END or move.element in elements
        if move.kind in (Kind.TASK, Kind.MESSAGE):
            assert move.name
        if move.kind is Kind.TIMER:
            assert elements[move.name].host == move.element
            assert move.target in elements
