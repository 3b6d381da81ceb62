"""The BPMN models of the workflows, ``<workflow>/<version>.bpmn``, and the tool that checks and draws them.

Not deployed: ``python -m processes`` lists its verbs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
CACHE: Final = FOLDER.parent / ".cache" / "processes"
NOTICES: Final = frozenset({"decision-refused"})
"""Processes that tell a person something. No orchestrator stands behind them."""


def files() -> list[Path]:
    """Every model, by process and version."""
    return sorted(FOLDER.glob("*/*.bpmn"))


def workflows() -> list[Path]:
    """The models of orchestrators, by workflow and version."""
    return [path for path in files() if path.parent.name not in NOTICES]


def forms() -> list[Path]:
    """What persons fill in at user tasks."""
    return sorted((FOLDER / "forms").glob("*.form"))


def text_of(workflow: str, version: str) -> str:
    """The BPMN of one version. Raises ``FileNotFoundError``."""
    return (FOLDER / workflow / f"{version}.bpmn").read_text()
