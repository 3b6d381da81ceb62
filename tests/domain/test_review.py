"""Clinical reviews: who may take them and how they end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from domain import fhir
from domain.codes import TASK_CODE
from domain.errors import Conflict, Forbidden, Malformed
from domain.facts import Finding, FindingStatus, Requirement, RequirementKind
from domain.messages import OpenReviewInput
from domain.pas.response import Reviewer
from domain.principal import Principal, Role
from domain.review import (
    REVIEW_STATE,
    assigned,
    claimed,
    decided,
    decided_items,
    deciders_of,
    decision_kind,
    decision_maker,
    findings,
    finished_review,
    is_decision,
    owner,
    reasons,
    requirements,
    review_notes,
    review_task,
    reviewer_of,
    withdrawn,
)
from domain.review_decision import parse_decision
from tests.domain.test_cases import FULL, record

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
CLAIM = {"item": [{"sequence": 1}]}
NURSE = Principal(id="nurse-rivera", roles=frozenset({Role.REVIEWER}), npi="1999001013")
DIRECTOR = Principal(
    id="director-okafor", roles=frozenset({Role.MEDICAL_DIRECTOR}), npi="1999001039", specialty="208100000X"
)
UNMET = Finding(
    sequence=1, criterion="MN-E0601-2", status=FindingStatus.UNMET, text="A sentence.", sources=("Observation/1",)
)
NEEDED = Requirement(sequence=1, kind=RequirementKind.REQUIRED, rule="PA-E0601")
DENIAL = {"decision": "deny", "reason": "criteria-not-met", "note": "why, in words"}


def opened(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "round": 1,
        "reasons": ("criterion-unmet",),
        "findings": (UNMET,),
        "requirements": (NEEDED,),
    }
    task = review_task(FULL, OpenReviewInput(**values | changes), due=AT + timedelta(days=2), opened=AT)
    get_fhir_model_class("Task").model_validate(task)
    return task


def finished(body: dict[str, Any], who: Principal = DIRECTOR) -> dict[str, Any]:
    task = decided(opened(), CLAIM, parse_decision(body), who, AT)
    get_fhir_model_class("Task").model_validate(task)
    return task


def test_a_review_tells_why_and_on_what() -> None:
    task = opened()
    assert reasons(task) == ["criterion-unmet"]
    assert findings(task) == (UNMET,)
    assert requirements(task) == (NEEDED,)
    assert task["partOf"] == [{"reference": FULL.reference}]
    assert task["for"] == {"reference": "Patient/1"}
    assert task["restriction"]["period"]["end"] == "2026-11-26T09:00:00.000Z"
    assert owner(task) is None


def test_each_round_is_a_task_of_its_own_and_a_retry_is_the_same() -> None:
    assert opened()["id"] == opened()["id"] != opened(round=2)["id"]


def test_the_review_of_an_appeal_has_its_own_code() -> None:
    task = review_task(
        record(appeals="prior-authorization-0"), OpenReviewInput(round=1, reasons=("appeal",)), due=None, opened=AT
    )
    assert fhir.code(task["code"], TASK_CODE) == "appeal-review"
    assert "restriction" not in task


def test_claiming() -> None:
    task = claimed(opened(), NURSE)
    assert owner(task) == "nurse-rivera"
    assert task["status"] == "in-progress"
    assert claimed(task, NURSE) == task
    with pytest.raises(Conflict, match="claimed"):
        claimed(task, DIRECTOR)
    assert owner(assigned(task, DIRECTOR.id)) == DIRECTOR.id


def test_only_reviewers_claim() -> None:
    with pytest.raises(Forbidden):
        claimed(opened(), Principal(id="x", roles=frozenset({Role.SUBMITTER})))


def test_the_first_reviewer_does_not_review_the_appeal() -> None:
    task = opened(excluded_reviewers=(DIRECTOR.id,))
    with pytest.raises(Forbidden, match="same-reviewer"):
        claimed(task, DIRECTOR)
    with pytest.raises(Forbidden, match="same-reviewer"):
        assigned(task, DIRECTOR.id)
    assert owner(claimed(task, NURSE)) == NURSE.id


def test_whoever_decided_since_does_not_review_the_appeal() -> None:
    deciders = deciders_of([finished(DENIAL), opened()])
    assert deciders == (DIRECTOR.id,)
    with pytest.raises(Forbidden, match="same-reviewer"):
        claimed(opened(), DIRECTOR, deciders)
    with pytest.raises(Forbidden, match="same-reviewer"):
        assigned(opened(), DIRECTOR.id, deciders)
    with pytest.raises(Forbidden, match="same-reviewer"):
        decided(opened(), CLAIM, parse_decision(DENIAL), DIRECTOR, AT, deciders)


def test_a_withdrawn_review_is_not_decided() -> None:
    task = withdrawn(claimed(opened(), NURSE))
    get_fhir_model_class("Task").model_validate(task)
    assert fhir.code(task["businessStatus"], REVIEW_STATE) == "withdrawn"
    with pytest.raises(Conflict, match="finished"):
        decided(task, CLAIM, parse_decision(DENIAL), DIRECTOR, AT)
    assert withdrawn({"resourceType": "Task", "status": "requested"}) == {"resourceType": "Task", "status": "cancelled"}


def test_a_question_is_no_decision() -> None:
    assert is_decision(finished(DENIAL))
    assert not is_decision(finished({"decision": "request-information", "information": ["59408-5"]}))
    assert not is_decision(opened())


def test_a_nurse_approves() -> None:
    task = finished({"decision": "approve", "note": "fine"}, NURSE)
    assert task["status"] == "completed"
    assert decision_kind(task) == "approve"
    assert decision_maker(task) == "nurse-rivera"
    assert [item.action for item in decided_items(task)] == ["A1"]
    assert review_notes(task) == {}
    assert reviewer_of(task) == Reviewer(human=True, npi="1999001013", specialty=None)


@pytest.mark.parametrize(
    "body",
    [DENIAL, {"decision": "modify", "reason": "criteria-not-met", "items": [{"sequence": 1, "quantity": 1}]}],
)
def test_only_a_medical_director_denies_or_authorizes_less(body: dict[str, Any]) -> None:
    with pytest.raises(Forbidden, match="medical-director"):
        finished(body, NURSE)
    with pytest.raises(Forbidden, match="npi"):
        finished(body, DIRECTOR.model_copy(update={"npi": None}))
    task = finished(body)
    assert decided_items(task)[0].adverse
    assert reviewer_of(task) == Reviewer(human=True, npi="1999001039", specialty="208100000X")


def test_the_words_stay_in_the_note() -> None:
    task = finished(DENIAL)
    assert task["note"] == [{"text": "why, in words", "time": "2026-11-24T09:00:00.000Z"}]
    assert "words" not in str(task["output"])
    assert review_notes(task) == {1: "why, in words"}


def test_a_question() -> None:
    task = finished({"decision": "request-information", "information": ["59408-5"]}, NURSE)
    assert decided_items(task)[0].information == ("59408-5",)
    assert "note" not in task


def test_a_finished_review_stays_as_it_is() -> None:
    task = finished(DENIAL)
    with pytest.raises(Conflict, match="finished"):
        decided(task, CLAIM, parse_decision({"decision": "approve"}), DIRECTOR, AT)
    with pytest.raises(Conflict, match="finished"):
        claimed(task, DIRECTOR)
    assert decided_items(finished_review(task)) == decided_items(task)


def test_another_reviewers_task_is_not_decided() -> None:
    task = claimed(opened(), NURSE)
    with pytest.raises(Conflict, match="claimed"):
        decided(task, CLAIM, parse_decision(DENIAL), DIRECTOR, AT)


def test_a_decision_that_does_not_fit_changes_nothing() -> None:
    with pytest.raises(Malformed):
        finished({"decision": "deny"})
