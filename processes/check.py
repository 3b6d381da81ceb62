"""What is wrong with a model, without Node: the XML, the general rules of BPMN, and ours.

The general rules are bpmnlint's own, in their Python port (https://pypi.org/project/bpmn-io).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bpmn_io import check as integrity
from bpmn_io.lint import Linter
from bpmn_io.lint.resolver import NodeResolver

from domain.process.model import DUE, START, WAITS, Element, Model, parse_model
from domain.process.routing import INITIAL
from processes import FOLDER, NOTICES
from processes.decisions import decisions
from processes.decisions import files as decision_files

JOB: Final = "durable.step"
"""Type of the jobs that the mirror completes."""
LISTENERS: Final = {
    "userTask": (("end", "durable.usertask.end"),),
    "receiveTask": (("start", "durable.wait"),),
}
"""Jobs at a wait: a person has finished, which the engine has to hear first; the mirror learns of the wait."""
BY_CASE, BY_TASK = "=durableId", "=task"
"""How messages are correlated: of the case, or of its open human task, so that a late one never hits a later task."""
CLOSED: Final = "case-closed"
_DRAWN: Final = ("Task", "Event", "Gateway", "SubProcess", "SequenceFlow")
_DECISION: Final = re.compile(r'="(?P<decision>\w+)_" \+ (?P<variable>\w+)\.version')
CONFIG: Final = FOLDER / "bpmnlint" / ".bpmnlintrc"


def problems(path: Path) -> list[str]:
    """Each thing that is wrong with the model at ``path``, with the element that it is about; [] for a good one."""
    text = path.read_text()
    report = integrity(text)
    if not report.ok:
        return [str(each) for each in report.errors]
    found = [*_general(text), *_drawn(report.elements_by_id)]
    try:
        model = parse_model(text)
    except ValueError as error:
        return [*found, str(error)]
    ours = _notice(model) if model.process in NOTICES else _ours(model)
    return [*found, *_named(model, path), *_started(model), *ours]


def _general(text: str) -> Iterator[str]:
    """bpmnlint's recommended rules, as the configuration of the Node run sets them."""
    config = json.loads(CONFIG.read_text())
    definitions: Any = next(iter(integrity(text).elements_by_id.values()))
    linter = Linter(
        {"config": {"extends": "bpmnlint:recommended", "rules": config["rules"]}, "resolver": NodeResolver()}
    )
    for rule, reports in linter.lint(definitions).items():
        for each in reports:
            yield f"{each.get('id')}: {each['message']} ({rule})"


def _drawn(elements: dict[str, Any]) -> Iterator[str]:
    """Every node and every flow has its place in the picture."""
    named = [getattr(element, "bpmnElement", None) for element in elements.values()]
    shown = {element.id for element in named if element is not None and hasattr(element, "id")}
    for id_, element in elements.items():
        if str(element.get("$type")).endswith(_DRAWN) and id_ not in shown:
            yield f"{id_}: it is not in the picture"


def _named(model: Model, path: Path) -> Iterator[str]:
    if model.process != path.parent.name:
        yield f"{model.process}: the process is named otherwise than its folder"
    if model.version != path.stem:
        yield f"{model.process}: versionTag is {model.version or 'absent'}, the file is named {path.stem}"


def _started(model: Model) -> Iterator[str]:
    """A message starts the process, which is how it is started once only."""
    name = model.process + ("" if model.process in NOTICES else START)
    for element in model.elements.values():
        if element.kind == "startEvent" and element.scope is None and element.code != name:
            yield f"{element.id}: the message {name} starts the process"


def _notice(model: Model) -> Iterator[str]:
    """A process that tells a person something has nothing that the mirror would have to move."""
    for element in model.elements.values():
        if element.is_step or element.listeners or element.host:
            yield f"{element.id}: a notice is a user task and no more"


def _ours(model: Model) -> Iterator[str]:
    for element in model.elements.values():
        yield from _job(element)
        if element.kind in WAITS or (element.kind == "boundaryEvent" and element.event == "message"):
            yield from _message(element)
        if element.event == "message" and (element.code or "").endswith(DUE):
            yield from _due(model, element)
        if element.kind == "userTask":
            yield from _elsewhere(model, element)
        if element.decision is not None:
            yield from _shadow(element)
        if element.kind == "intermediateThrowEvent":
            yield from _told(model, element)
    for flow in model.flows.values():
        for name in sorted(flow.condition.names - INITIAL.keys()) if flow.condition else ():
            yield f"{flow.id}: no step sets the variable {name}"


def _job(element: Element) -> Iterator[str]:
    if element.is_step and (element.job, element.step) != (JOB, element.id):
        yield f"{element.id}: a step's job is of type {JOB} and names the step in its header"
    if element.kind == "userTask" and (element.step != element.id or not element.code):
        yield f"{element.id}: a user task names its step and the durable event that ends it in its headers"


def _shadow(element: Element) -> Iterator[str]:
    """A decision that Camunda makes beside a step is one of a ruleset, in the version that the case pinned."""
    rulesets = {f"shadow-{path.parents[1].name}": decisions(path.read_text()) for path in decision_files()}
    match = _DECISION.fullmatch(str(element.decision))
    if match is None or match["decision"] not in rulesets.get(element.id, ()) or match["variable"] not in INITIAL:
        yield f"{element.id}: it asks for a decision of the ruleset that it is named by, in the version of a step"


def _told(model: Model, element: Element) -> Iterator[str]:
    """What is told by the way is taken up outside of the sub-process, whose end would cut it off."""
    taken = [e for e in model.attached(str(element.scope)) if (e.event, e.code) == ("escalation", element.code)]
    if [e.interrupting for e in taken] != [False]:
        yield f"{element.id}: an event {element.code} at the boundary takes it up and interrupts nothing"


def _message(element: Element) -> Iterator[str]:
    """A message is about the case or about its open human task; at a wait for such a task, listeners stand by."""
    if not element.code:
        yield f"{element.id}: its message has no name"
        return
    of_case = element.code.endswith(DUE) or element.code == CLOSED
    if element.kind != "userTask" and element.correlation != (BY_CASE if of_case else BY_TASK):
        yield f"{element.id}: {element.code} is correlated by {BY_CASE if of_case else BY_TASK}"
    wanted = () if of_case else LISTENERS.get(element.kind, ())
    if element.listeners != wanted:
        yield f"{element.id}: its execution listeners are {dict(wanted) or 'none'}"


def _elsewhere(model: Model, task: Element) -> Iterator[str]:
    """What ends a user task may come from elsewhere than Tasklist: an event at its boundary leads to the same place."""
    events = [e for e in model.attached(task.id) if e.code == task.code and e.interrupting]
    ways = [{flow.target for flow in model.leaving(event.id)} for event in events]
    if ways != [{flow.target for flow in model.leaving(task.id)}]:
        yield f"{task.id}: an event {task.code} at its boundary leads where the task does"


def _due(model: Model, element: Element) -> Iterator[str]:
    """A message that begins a step on the way leads straight to it."""
    targets = [flow.target for flow in model.leaving(element.id)]
    if [f"{target}{DUE}" for target in targets] != [element.code] or element.interrupting:
        yield f"{element.id}: {element.code} interrupts nothing and leads to that step"
