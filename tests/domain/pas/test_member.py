"""The payer's own record of a member."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from domain import fhir
from domain.codes import LINE_OF_BUSINESS, MEMBER_ID
from domain.facts import LineOfBusiness
from domain.pas.member import coverage_fact, member_match, member_numbers, member_token, payer_match

ON = date(2026, 12, 1)
PATIENT = {"resourceType": "Patient", "id": "p", "active": True, "birthDate": "1956-03-14"}


def coverage(id_: str, start: str = "2020-01-01", end: str | None = None, **changes: Any) -> dict[str, Any]:
    period = {"start": start} | ({"end": end} if end else {})
    return {
        "resourceType": "Coverage",
        "id": id_,
        "status": "active",
        "type": fhir.concept(LINE_OF_BUSINESS, "medicaid"),
        "beneficiary": {"reference": "Patient/p"},
        "period": period,
    } | changes


def test_one_member() -> None:
    found = payer_match([coverage("c")], [PATIENT], on=ON, birth_date=date(1956, 3, 14), insurer="Organization/payer")
    assert (found.matches, found.patient, found.coverage) == (1, "Patient/p", "Coverage/c")
    assert found.birth_date_agrees is True
    assert found.line_of_business is LineOfBusiness.MEDICAID


@pytest.mark.parametrize("patients", [[], [PATIENT, {**PATIENT, "id": "q"}]])
def test_none_and_several_members_are_not_linked(patients: list[dict[str, Any]]) -> None:
    found = payer_match([coverage("c")], patients, on=ON, birth_date=None, insurer="Organization/payer")
    assert (found.matches, found.patient, found.coverage) == (len(patients), None, None)


def test_the_coverage_in_force_on_the_day_is_linked() -> None:
    old, now, next_ = coverage("old", end="2025-12-31"), coverage("now", "2026-01-01"), coverage("next", "2027-01-01")
    found = payer_match([old, next_, now], [PATIENT], on=ON, birth_date=None)
    assert found.coverage == "Coverage/now"
    assert len(found.coverages) == 3
    cancelled = {**now, "status": "cancelled"}
    assert payer_match([old, cancelled], [PATIENT], on=ON, birth_date=None).coverage == "Coverage/old"


def test_a_coverage_of_another_member_is_not_linked() -> None:
    other = coverage("c", beneficiary={"reference": "Patient/q"})
    assert payer_match([other], [PATIENT], on=ON, birth_date=None).coverage is None


@pytest.mark.parametrize(("submitted", "agrees"), [(date(1956, 3, 14), True), (date(1956, 3, 15), False), (None, None)])
def test_birth_dates(submitted: date | None, agrees: bool | None) -> None:
    assert payer_match([coverage("c")], [PATIENT], on=ON, birth_date=submitted).birth_date_agrees is agrees
    unknown = {**PATIENT, "birthDate": "1956"}
    assert payer_match([coverage("c")], [unknown], on=ON, birth_date=submitted).birth_date_agrees is None


def test_the_member_fact() -> None:
    assert member_match(0, None, None).model_dump(exclude_none=True) == {"matches": 0}
    dead = {**PATIENT, "deceasedDateTime": "2026-01-02T10:00:00Z"}
    fact = member_match(1, dead, True)
    assert (fact.active, fact.deceased, fact.deceased_on, fact.birth_date_agrees) == (
        True,
        True,
        date(2026, 1, 2),
        True,
    )
    assert member_match(1, PATIENT, None).deceased is None


def test_absent_facts_of_a_coverage_are_unknown() -> None:
    fact = coverage_fact({"resourceType": "Coverage", "id": "c"})
    assert fact.model_dump(exclude_none=True) == {"reference": "Coverage/c"}
    assert coverage_fact(coverage("c", type=fhir.concept(LINE_OF_BUSINESS, "pet"))).line_of_business is None


def test_the_search_token() -> None:
    assert member_token("M1") == "urn:workflow-engine:member-id|M1"
    assert member_token() == "urn:workflow-engine:member-id|"
    assert member_token(r"a,b|c$d\e") == r"urn:workflow-engine:member-id|a\,b\|c\$d\\e"


def test_the_payers_numbers_on_a_coverage() -> None:
    theirs, ours = {"system": "urn:x", "value": "X"}, {"system": MEMBER_ID, "value": "M1"}
    assert member_numbers(coverage("c", identifier=[theirs, ours, {"system": MEMBER_ID, "value": "M2"}])) == {
        "M1",
        "M2",
    }
    assert member_numbers(coverage("c", identifier=[theirs, {"system": MEMBER_ID}, {"value": "M1"}])) == frozenset()
    assert member_numbers(coverage("c", subscriberId="M1")) == frozenset()
