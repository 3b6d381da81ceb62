"""An error as a FHIR OperationOutcome: one answer, every problem in it. https://hl7.org/fhir/R4/operationoutcome.html"""

from __future__ import annotations

from typing import Final

from domain.codes import ENGINE
from domain.errors import (
    Conflict,
    Forbidden,
    Malformed,
    NotFound,
    Problem,
    Rejected,
    TooLarge,
    Unauthenticated,
    Unavailable,
    WorkflowError,
)
from domain.json import Resource

ERROR: Final = ENGINE + "error"
"""Code system of ``issue.details``: the stable words that clients may branch on."""
_TYPES: Final[dict[type[WorkflowError], str]] = {
    TooLarge: "too-long",
    Unauthenticated: "login",
    Forbidden: "forbidden",
    NotFound: "not-found",
    Conflict: "conflict",
    Rejected: "processing",
    Unavailable: "transient",
}


def operation_outcome(error: WorkflowError) -> Resource:
    """The OperationOutcome of ``error``: for ``Malformed`` one issue a problem, with its FHIRPath; else one issue."""
    if isinstance(error, Malformed) and error.problems:
        issues = [_issue(error.code, problem) for problem in error.problems]
    else:
        code = next((code for kind, code in _TYPES.items() if isinstance(error, kind)), "exception")
        issues = [_issue(error.code, Problem(path="", text=error.text, code=code))]
    return {"resourceType": "OperationOutcome", "issue": issues}


def _issue(word: str, problem: Problem) -> Resource:
    issue = {
        "severity": "error",
        "code": problem.code,
        "details": {"coding": [{"system": ERROR, "code": word}], "text": problem.text},
    }
    # The whole body ("$") and JSON pointers are no FHIRPath.
    return {**issue, "expression": [problem.path]} if problem.path[:1].isalpha() else issue
