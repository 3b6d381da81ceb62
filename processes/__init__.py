"""The BPMN models of the workflows, ``<workflow>/<version>.bpmn``, and the tool that checks and draws them.

Not deployed: ``python -m processes`` lists its verbs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
CACHE: Final = FOLDER.parent / ".cache" / "processes"


def files() -> list[Path]:
    """Every model, by workflow and version."""
    return sorted(FOLDER.glob("*/*.bpmn"))


def text_of(workflow: str, version: str) -> str:
    """The BPMN of one version. Raises ``FileNotFoundError``."""
    return (FOLDER / workflow / f"{version}.bpmn").read_text()
