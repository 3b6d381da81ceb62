"""Clinical evidence as facts: coded values, never text."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from domain import fhir
from domain.codes import LOINC
from domain.pas.evidence import attachment_code, evidence_of

Resource = dict[str, Any]


def observation(**changes: Any) -> Resource:
    return {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": fhir.concept(LOINC, "4548-4"),
    } | changes


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            {"valueQuantity": {"value": 8.1, "system": "http://unitsofmeasure.org", "code": "%"}},
            {"number": 8.1, "unit": "%"},
        ),
        ({"valueQuantity": {"value": 8, "unit": "percent"}}, {"number": 8.0}),
        ({"valueQuantity": {"value": 8, "system": "urn:own", "code": "%"}}, {"number": 8.0}),
        ({"valueInteger": 3}, {"number": 3.0}),
        ({"valueBoolean": False}, {"boolean": False}),
        ({"valueCodeableConcept": {"coding": [{"system": "s", "code": "c"}]}}, {"coded": "c"}),
    ],
)
def test_values(value: Resource, said: Resource) -> None:
    (fact,) = evidence_of(observation(**value))
    assert fact.model_dump(exclude_none=True, exclude={"code", "source"}) == said


@pytest.mark.parametrize(
    "value",
    [{}, {"valueString": "words"}, {"valueQuantity": {"unit": "%"}}, {"valueCodeableConcept": {"text": "words"}}],
)
def test_text_and_absent_values_say_nothing(value: Resource) -> None:
    assert list(evidence_of(observation(**value))) == []


def test_components_and_times() -> None:
    pressure = {"code": fhir.concept(LOINC, "8480-6"), "valueQuantity": {"value": 120}}
    facts = list(
        evidence_of(observation(component=[pressure], effectivePeriod={"start": "2026-11-01", "end": "2026-11-02"}))
    )
    assert [(fact.code, fact.on) for fact in facts] == [("8480-6", date(2026, 11, 2))]
    (partial,) = evidence_of(observation(valueInteger=1, effectiveDateTime="2026-11"))
    assert partial.on is None


def test_answers_of_nested_items() -> None:
    inner = {"linkId": "inner", "answer": [{"valueInteger": 4}]}
    outer = {"linkId": "outer", "answer": [{"valueBoolean": True, "item": [inner]}]}
    group = {"linkId": "group", "item": [outer, {"linkId": "words", "answer": [{"valueString": "x"}]}]}
    response = {"resourceType": "QuestionnaireResponse", "id": "q", "status": "completed", "item": [group]}
    assert {(fact.code, fact.boolean, fact.number) for fact in evidence_of(response)} == {
        ("outer", True, None),
        ("inner", None, 4.0),
    }
    assert list(evidence_of({**response, "status": "in-progress"})) == []
    assert list(evidence_of({"resourceType": "DocumentReference", "id": "d", "status": "current"})) == []


def test_what_is_asked_for_is_always_a_loinc_code() -> None:
    assert attachment_code("59408-5") == "59408-5"
    assert attachment_code("sleep-evaluation") == "34117-2"
