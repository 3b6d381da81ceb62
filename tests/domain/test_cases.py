"""The case record as a FHIR Task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from domain import fhir
from domain.cases import (
    DECIDED,
    OPEN,
    CaseRecord,
    CaseState,
    case_task,
    changed_case,
    read_case,
    timeline,
    with_timeline,
)
from domain.codes import CASE_ID, TRACKING_NUMBER
from domain.facts import LineOfBusiness, Urgency

RECEIVED = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


def record(**changes: Any) -> CaseRecord:
    values: dict[str, Any] = {
        "id": "prior-authorization-1",
        "state": CaseState.RECEIVED,
        "submitter": "lakeside-clinic",
        "received_at": RECEIVED,
        "content_hash": "abc",
        "urgency": Urgency.STANDARD,
        "claim": "Claim/1",
        "response": "ClaimResponse/1",
        "bundle": "Bundle/1",
    }
    return CaseRecord(**values | changes)


FULL = record(
    submitter_reference="Organization/lakeside-clinic",
    line_of_business=LineOfBusiness.MEDICAID,
    zone="America/New_York",
    due=RECEIVED + timedelta(hours=72),
    clock_row="ROW",
    patient="Patient/1",
    coverage="Coverage/1",
    member_matches=1,
    birth_date_agrees=False,
    evidence=("Observation/1", "Observation/2"),
    excluded_reviewers=("director-chen",),
    appeal_until=RECEIVED + timedelta(days=65),
    superseded_by="appeal-1",
    ended=True,
)


@pytest.mark.parametrize("one", [record(), FULL, record(appeals="prior-authorization-0")])
def test_a_record_survives_the_task(one: CaseRecord) -> None:
    task = case_task(one)
    get_fhir_model_class("Task").model_validate(task)
    assert read_case(task) == one


@pytest.mark.parametrize("state", list(CaseState))
def test_the_state_is_told_in_business_status_and_status(state: CaseState) -> None:
    task = case_task(record(state=state))
    assert read_case(task).state is state
    finished = task["status"] in {"completed", "rejected"}
    assert finished == (state in DECIDED) == read_case(task).decided
    assert not DECIDED & OPEN


def test_a_superseded_case_is_complete_when_it_has_ended() -> None:
    waiting = record(state=CaseState.DEEMED, superseded_by="appeal-1")
    assert case_task(waiting)["status"] == "in-progress"
    ended = waiting.model_copy(update={"ended": True})
    assert case_task(ended)["status"] == "completed"
    assert read_case(case_task(ended)) == ended
    assert not ended.decided


def test_a_case_is_found_by_its_numbers() -> None:
    task = case_task(record())
    assert fhir.identifier(task, CASE_ID) == "prior-authorization-1"
    assert fhir.identifier(task, TRACKING_NUMBER) == record().tracking_number


def test_a_change_keeps_what_others_added() -> None:
    task = case_task(FULL) | {"note": [{"text": "x"}], "meta": {"versionId": "3"}}
    task = with_timeline(task, [("open-case", RECEIVED)])
    after = changed_case(task, state=CaseState.APPROVED, patient=None)
    assert after["note"] == [{"text": "x"}]
    assert timeline(after) == [("open-case", RECEIVED)]
    assert "for" not in after
    assert read_case(after) == FULL.model_copy(update={"state": CaseState.APPROVED, "patient": None, "version": "3"})


def test_a_timeline_replaces_an_earlier_one() -> None:
    task = with_timeline(case_task(record()), [("a", RECEIVED), ("b", RECEIVED)])
    again = with_timeline(task, [("c", RECEIVED)])
    assert timeline(again) == [("c", RECEIVED)]
    assert read_case(again) == record()
