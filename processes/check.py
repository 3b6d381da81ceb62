"""What is wrong with a model, without Node: the XML, the general rules of BPMN, and ours.

The general rules are bpmnlint's own, in their Python port (https://pypi.org/project/bpmn-io).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bpmn_io import check as integrity
from bpmn_io.lint import Linter
from bpmn_io.lint.resolver import NodeResolver

from domain.process.model import DUE, JOBS, Element, Model, parse_model
from domain.process.routing import INITIAL
from processes import FOLDER

JOB: Final = "durable.step"
"""Type of the jobs that the mirror completes."""
_DRAWN: Final = ("Task", "Event", "Gateway", "SubProcess", "SequenceFlow")
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
    return [*found, *_named(model, path), *_ours(model)]


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


def _ours(model: Model) -> Iterator[str]:
    for element in model.elements.values():
        yield from _job(element)
        if element.event == "message" and not element.code:
            yield f"{element.id}: its message has no name"
        if element.event == "message" and (element.code or "").endswith(DUE):
            yield from _due(model, element)
    for flow in model.flows.values():
        for name in sorted(flow.condition.names - INITIAL.keys()) if flow.condition else ():
            yield f"{flow.id}: no step sets the variable {name}"


def _job(element: Element) -> Iterator[str]:
    if element.kind in JOBS and (element.job, element.step) != (JOB, element.id):
        yield f"{element.id}: a step's job is of type {JOB} and names the step in its header"
    if element.kind == "userTask" and (element.step != element.id or not element.code):
        yield f"{element.id}: a user task names its step and the durable event that ends it in its headers"


def _due(model: Model, element: Element) -> Iterator[str]:
    """A message that begins a step on the way leads straight to it."""
    targets = [flow.target for flow in model.leaving(element.id)]
    if [f"{target}{DUE}" for target in targets] != [element.code] or element.interrupting:
        yield f"{element.id}: {element.code} interrupts nothing and leads to that step"
