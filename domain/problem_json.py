"""An error as ``application/problem+json``. https://www.rfc-editor.org/rfc/rfc9457"""

from __future__ import annotations

from domain.errors import Malformed, WorkflowError
from domain.json import Json
from domain.operation_outcome import ERROR


def problem(error: WorkflowError) -> dict[str, Json]:
    """The members of the problem document; ``errors`` lists every problem of a malformed input with its place."""
    document: dict[str, Json] = {
        "type": f"{ERROR}:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.text,
    }
    if isinstance(error, Malformed):
        document["errors"] = [{"path": each.path, "detail": each.text} for each in error.problems]
    return document
