"""The BPMN models that are deployed with the app: ``processes/<workflow>/<version>.bpmn``."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

from domain.process.model import Model, parse_model

FOLDER: Final = Path(__file__).parents[2] / "processes"
_WORKFLOW: Final = re.compile(r"[a-z][a-z-]*")
_VERSION: Final = re.compile(r"[0-9]+(\.[0-9]+)*")


@cache
def model_of(workflow: str, version: str) -> Model | None:
    """The model of one version of a workflow; ``None`` where there is none."""
    if not (_WORKFLOW.fullmatch(workflow) and _VERSION.fullmatch(version)):
        return None
    path = FOLDER / workflow / f"{version}.bpmn"
    return parse_model(path.read_text("utf-8")) if path.is_file() else None
