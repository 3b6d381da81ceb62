"""What crosses between an orchestrator and an activity: plain JSON, references and codes only.

An expected refusal comes back as data. Only two things are raised, both without values: ``unavailable:<code>`` (try
again later) and ``defect:<code>`` (ours). See design.md, *Activity envelope* and *Calls and waits*.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from domain.errors import Defect, Unavailable, WorkflowError

_FAILURE: Final = re.compile(r"\b(unavailable|defect):([a-z0-9][a-z0-9-]*)")


class Message(BaseModel):
    """Base of everything in history: frozen; readers ignore unknown fields, so models grow additively."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class CaseRef(Message):
    """The case that a step belongs to, with what it pinned at its start."""

    id: str
    workflow: str
    version: str
    record: str
    """The FHIR Task that is the case's record: ``Task/<id>``."""
    line_of_business: str | None = None
    rules: dict[str, str] = {}
    """Ruleset name -> pinned version."""


class StepRef(Message):
    """The BPMN element that calls, and the number of this call in its case (1-based). A retry has its first try's."""

    id: str
    n: int


class Envelope(Message):
    """What an activity gets."""

    case: CaseRef
    step: StepRef
    at: datetime
    """The orchestrator's deterministic time (UTC): what a retry writes is what the first try wrote."""
    actor: str = "system"
    due: datetime | None = None
    """When the case must be decided (UTC)."""
    task: str | None = None
    """The open human task of the case, if any."""
    fired: tuple[str, ...] = ()
    """Ids of the rules that took part so far."""
    accessed: tuple[str, ...] = ()
    """References read by earlier steps that did not write; the next writing step audits them."""
    data: dict[str, Any] = {}


class Answer(Message):
    """What an activity gives back."""

    data: dict[str, Any] = {}
    accessed: tuple[str, ...] = ()
    """References that were read and are not audited yet."""


class Failure(Exception):
    """What an activity raises: ``unavailable:<code>`` or ``defect:<code>``, nothing else."""


def failure(error: WorkflowError) -> Failure:
    """The failure that may enter history for ``error``."""
    kind = "unavailable" if isinstance(error, Unavailable) else "defect"
    return Failure(f"{kind}:{error.code}")


def parse_failure(text: str) -> WorkflowError:
    """The error that a failed activity's message stands for; ``Defect('unnamed')`` when it names none."""
    match = _FAILURE.search(text)
    if match is None:
        return Defect("unnamed")
    kind, code = match.groups()
    return Unavailable(code) if kind == "unavailable" else Defect(code)
