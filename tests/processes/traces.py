"""The cases that the models are tried with: every recorded history, and some hundred that were driven."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import pytest

from domain.process.model import Model, parse_model
from domain.process.seen import Seen
from processes import text_of, workflows
from tests.processes.driven import DIRECTED, ORCHESTRATORS, driven
from tests.processes.recorded import recorded
from tests.support.recordings import HISTORIES

RECORDINGS = sorted(HISTORIES.glob("*/*.json"))
VERSION = "1.0.0"
"""The version of the orchestrators as they are now."""
DRIVEN = 400
Trace = tuple[str, list[Seen]]
"""Its name, and what was seen."""


@cache
def model(workflow: str, version: str = VERSION) -> Model:
    return parse_model(text_of(workflow, version))


MODELS = [model(path.parent.name, path.stem) for path in workflows()]


def doors(of: Model) -> tuple[Model, Model]:
    """``of`` where all decide in Tasklist, and where nobody does: no history says by which way a review was left."""
    return _without(of, "decided-elsewhere"), _without(of, "clinical-review")


def _without(of: Model, id_: str) -> Model:
    """``of`` where no event ends or fires an element."""
    return replace(of, elements={**of.elements, id_: replace(of.elements[id_], code=None)})


def recording(path: Any) -> tuple[Model, list[Seen]]:
    """The model that a recorded case was started with, and what is seen of the case."""
    head = json.loads(path.read_text())
    with pytest.MonkeyPatch.context() as patch:
        return model(head["name"], head["version"]), recorded(path, ORCHESTRATORS[head["name"]], patch)


@cache
def traces(workflow: str) -> tuple[Trace, ...]:
    """All of them, of one workflow."""
    mine = [path for path in RECORDINGS if json.loads(path.read_text())["name"] == workflow]
    return (
        *((path.stem, recording(path)[1]) for path in mine),
        *((name, way()) for name, (of, way) in DIRECTED.items() if of == workflow),
        *((f"driven-{seed}", driven(workflow, Random(seed))) for seed in range(DRIVEN)),
    )
