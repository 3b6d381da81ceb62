"""Every case that an orchestrator can have goes over its BPMN model, and every part of a model is there for a case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.envelope import Message
from domain.messages import NotifyInput
from domain.process.conformance import deviations, walk
from domain.process.model import Element, Model
from domain.process.seen import Seen, What
from orchestrators.steps import call
from tests.processes.driven import ORCHESTRATORS, driven
from tests.processes.traces import MODELS, RECORDINGS, VERSION, doors, model, recording, traces

prior_authorization = import_module("orchestrators.prior_authorization")
steps_module = import_module("orchestrators.steps")
NEVER = {
    "meanwhile-ends": "the clock's part is cut off when the case is closed; BPMN wants it to end somewhere",
    "stops-clock": "as meanwhile-ends",
}
"""What no case reaches, and why it is drawn."""
TOGETHER = "The orchestrator and its model say different things: change both, see docs/processes.md"


LATE = {"resumed", "eligibility-changed"}
"""Events that need no element: an operator's is the step's own, and a try in vain is made again without a new one."""
SHADOWS = {"clock-policy": "set-deadline", "determination": "determine"}
"""Rulesets that DMN judges by once more, and the step that the rules judge in."""
EQUIVALENT = {
    "decision and question-not-asked exchanged": "both are followed by record-decision",
    "review-withdrawn with the other effect": "the error that follows ends the review",
    "information-withdrawn with the other effect": "the error that follows ends the wait",
}
"""Other models that no case can tell from ours, and why."""


def _fits(steps: list[Seen], of: Model) -> bool:
    """Whoever decided, in Tasklist or elsewhere: no history says which."""
    return all(
        found.deviation is None and LATE.issuperset(found.untaken) and _compared(steps, found.path)
        for found in (walk(steps, each) for each in doors(of))
    )


def _compared(steps: list[Seen], path: tuple[str, ...]) -> bool:
    """Whether DMN judges again, to its end, whatever the rules have judged."""
    done = Counter(one.step for one in steps if one.what is What.COMPLETED)
    passed = Counter(path)
    return all(
        passed[f"shadow-{ruleset}"] == passed[f"{ruleset}-compared"] == done[step] for ruleset, step in SHADOWS.items()
    )


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recorded_case_goes_over_its_model(path: Any) -> None:
    recorded_of, steps = recording(path)
    for of in doors(recorded_of):
        assert deviations(steps, of) == [], TOGETHER
        assert LATE.issuperset(walk(steps, of).untaken)
        assert _compared(steps, walk(steps, of).path)
        assert walk(steps, of).ended is (steps[-1].what is What.ENDED)


@pytest.mark.parametrize("workflow", ORCHESTRATORS)
@given(random=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_a_case_that_never_was_goes_over_it_too(workflow: str, random: Random) -> None:
    steps = driven(workflow, random)
    for of in doors(model(workflow)):
        assert deviations(steps, of) == [], TOGETHER
        assert LATE.issuperset(walk(steps, of).untaken)
        assert _compared(steps, walk(steps, of).path)


@pytest.mark.parametrize("of", MODELS, ids=lambda of: f"{of.process}-{of.version}")
def test_every_part_of_a_model_is_there_for_a_case(of: Model) -> None:
    passed = {part for _, steps in traces(of.process) for each in doors(of) for part in walk(steps, each).path}
    assert (of.elements.keys() | of.flows.keys()) - passed == NEVER.keys()


@pytest.mark.parametrize("workflow", ORCHESTRATORS)
def test_the_cases_use_each_step_and_each_wait(workflow: str) -> None:
    seen = {(one.what, one.step) for _, steps in traces(workflow) for one in steps}
    assert {step for what, step in seen if what is What.STARTED} == model(workflow).steps
    assert {step for what, step in seen if what is What.WAITS} == {"clinical-review", "await-information"}
    assert {step for what, step in seen if what is What.FAILED} == model(workflow).steps


# -- a model that is not the orchestrator's fails ----------------------------------------------------------------------


def _mutants(of: Model) -> Iterator[tuple[str, Model]]:
    """Models that differ in one place."""
    yield from _of_flows(of)
    for element in of.elements.values():
        for what, other in _of_element(of, element):
            yield f"{element.id} {what}", replace(of, elements={**of.elements, element.id: other})


def _of_flows(of: Model) -> Iterator[tuple[str, Model]]:
    for id_, flow in of.flows.items():
        target = of.elements[flow.target]
        shadow = target.id.endswith("-compared")
        if id_ not in NEVER and (shadow or (target.kind, target.event) != ("endEvent", None)):  # a token may end so too
            source = of.elements[flow.source]
            left = replace(source, default=None if source.default == id_ else source.default)
            without = {key: value for key, value in of.flows.items() if key != id_}
            yield f"{id_} left out", replace(of, flows=without, elements={**of.elements, source.id: left})
        for other in of.leaving(flow.source):
            if other.id > id_ and of.elements[flow.source].kind == "exclusiveGateway":
                swapped = {id_: replace(flow, target=other.target), other.id: replace(other, target=flow.target)}
                yield f"{id_} and {other.id} exchanged", replace(of, flows={**of.flows, **swapped})


def _of_element(of: Model, element: Element) -> Iterator[tuple[str, Element]]:
    kinds = {"exclusiveGateway": "parallelGateway", "parallelGateway": "exclusiveGateway"}
    if element.kind in kinds and len(of.leaving(element.id)) > 1:
        yield "of the other kind", replace(element, kind=kinds[element.kind], default=None)
    if element.is_step:
        yield "passed over", replace(element, kind="startEvent", scope="nowhere")
    if element.code not in (None, "case-closed") and element.kind != "startEvent":
        yield "with another event", replace(element, code="other")
    if element.kind == "boundaryEvent" and element.event == "message":
        yield "with the other effect", replace(element, interrupting=not element.interrupting)
    if element.event == "terminate":
        yield "that ends its token alone", replace(element, event=None)


@pytest.mark.parametrize("of", MODELS, ids=lambda of: f"{of.process}-{of.version}")
def test_a_model_that_says_something_else_is_found_out(of: Model) -> None:
    missed, mutants = [], list(_mutants(of))
    for name, mutant in mutants:
        if all(_fits(steps, mutant) for _, steps in traces(of.process)):
            missed.append(name)
    assert len(mutants) > 60
    assert set(missed) <= EQUIVALENT.keys()


# -- an orchestrator that is not the model's fails ---------------------------------------------------------------------


def _deviate(workflow: str, seeds: int = 40) -> set[str]:
    return {text for seed in range(seeds) for text in deviations(driven(workflow, Random(seed)), model(workflow))}


def test_a_step_more_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    conclude = prior_authorization.conclude

    def twice(case: Any, clock: Any, decision: Any) -> Any:
        yield from call(case, "record-deemed", Message, NotifyInput(event="decided", key="k"))
        yield from call(case, "assess-necessity", Message)
        return (yield from conclude(case, clock, decision))

    monkeypatch.setattr(prior_authorization, "conclude", twice)
    assert "assess-necessity started; the model stands at meanwhile (ready), record-decision (ready)" in _deviate(
        "prior-authorization"
    )


def test_a_step_that_no_element_stands_for_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def settled(case: Any) -> Any:
        yield from call(case, "escalate-twice", Message)

    monkeypatch.setattr(steps_module, "_verb", lambda step, verb=steps_module._verb: verb(step.removesuffix("-twice")))
    monkeypatch.setattr(prior_authorization, "settle", settled)
    assert {text.partition(";")[0] for text in _deviate("prior-authorization")} >= {"escalate-twice started"}


def test_a_step_that_is_left_out_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(case: Any, state: str, actions: Any = ()) -> Any:
        yield from call(case, "close-case", Message)
        return {"state": state, "actions": list(actions)}

    monkeypatch.setattr(prior_authorization, "_close", hasty)
    assert any(text.startswith("close-case started") for text in _deviate("prior-authorization"))


def test_a_wait_elsewhere_is_found_out() -> None:
    steps = next(steps for name, steps in traces("appeal") if name == "appeal-overturned")
    moved = [replace(one, step="await-information") if one.what is What.WAITS else one for one in steps]
    assert deviations(moved, model("appeal"))[0].startswith("the case waits at await-information; the model stands at")


def test_a_case_that_ends_early_is_found_out() -> None:
    steps = next(steps for name, steps in traces("prior-authorization") if name == "approved-at-once")
    (found,) = deviations([*steps[:9], Seen(What.ENDED)], model("prior-authorization"))
    assert found.startswith("the case ended; the model stands at")


def test_it_is_checked_with_the_version_that_is_now() -> None:
    assert {of.version for of in MODELS} >= {VERSION}
    assert {of.process for of in MODELS if of.version == VERSION} == ORCHESTRATORS.keys()
