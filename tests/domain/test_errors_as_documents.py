"""Errors as OperationOutcome and as problem+json."""

from __future__ import annotations

import pytest
from fhir.resources.R4B import get_fhir_model_class

from domain.errors import (
    Conflict,
    Defect,
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
from domain.operation_outcome import ERROR, operation_outcome
from domain.problem_json import problem

MALFORMED = Malformed(
    [
        Problem(path="Bundle.entry[0].resource", text="The first entry must be a Claim.", code="invalid"),
        Problem(path="$", text="The body is not JSON.", code="structure"),
        Problem(path="/items/0", text="There is no such item."),
    ]
)


def test_every_problem_is_an_issue_with_its_path() -> None:
    outcome = operation_outcome(MALFORMED)
    get_fhir_model_class("OperationOutcome").model_validate(outcome)
    assert [issue.get("expression") for issue in outcome["issue"]] == [["Bundle.entry[0].resource"], None, None]
    assert [issue["code"] for issue in outcome["issue"]] == ["invalid", "structure", "invalid"]
    assert {issue["details"]["coding"][0]["code"] for issue in outcome["issue"]} == {"malformed"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TooLarge("body"), "too-long"),
        (Unauthenticated("signed-out"), "login"),
        (Forbidden("role"), "forbidden"),
        (NotFound("case"), "not-found"),
        (Conflict("duplicate"), "conflict"),
        (Unavailable("fhir"), "transient"),
        (Defect("internal"), "exception"),
        (Malformed([]), "processing"),
        (Rejected("fhir-refused"), "processing"),
    ],
)
def test_one_issue_for_every_other_error(error: WorkflowError, code: str) -> None:
    (issue,) = operation_outcome(error)["issue"]
    assert issue["code"] == code
    assert issue["details"] == {"coding": [{"system": ERROR, "code": error.code}], "text": error.text}
    assert "expression" not in issue


def test_problem_json() -> None:
    document = problem(Conflict("finished", "this task is finished"))
    assert document == {
        "type": "urn:workflow-engine:error:finished",
        "title": "The state does not allow this",
        "status": 409,
        "detail": "this task is finished",
    }
    assert [each["path"] for each in problem(MALFORMED)["errors"]] == ["Bundle.entry[0].resource", "$", "/items/0"]
