"""Clinical resources as a reviewer reads them."""

from __future__ import annotations

import base64
from datetime import date
from typing import Any

import pytest

from triggers.pages.clinical import LONGEST, evidence, person


def _observation(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": "1", "status": "final", "code": {"text": "A test"}, **elements}


@pytest.mark.parametrize(
    ("element", "text"),
    [
        ({"valueQuantity": {"value": 7.1, "unit": "percent", "code": "%"}}, "7.1 percent"),
        ({"valueQuantity": {"value": 5, "code": "mm[Hg]", "comparator": "<"}}, "<5 mm[Hg]"),
        ({"valueQuantity": {"unit": "%"}}, "no number %"),
        ({"valueBoolean": True}, "Yes"),
        ({"valueBoolean": False}, "No"),
        ({"valueInteger": 0}, "0"),
        ({"valueString": "Left knee"}, "Left knee"),
        ({"valueDateTime": "2026-11-02"}, "2026-11-02"),
        ({"valueCodeableConcept": {"coding": [{"code": "LA6577-6", "display": "Negative"}]}}, "Negative"),
        ({"valueCodeableConcept": {"text": "Unstable", "coding": [{"code": "X"}]}}, "Unstable"),
        ({"valueRange": {"low": {"value": 1}}}, "a value that this page cannot show"),
    ],
)
def test_a_value_is_readable(element: dict[str, Any], text: str) -> None:
    (value,) = evidence(_observation(**element)).values
    assert (value.label, value.text) == ("A test", text)


def test_components_are_values_of_their_own() -> None:
    code = {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}
    shown = evidence(_observation(component=[{"code": code, "valueQuantity": {"value": 120, "unit": "mmHg"}}]))
    assert [(value.code, value.text) for value in shown.values] == [("8480-6", "120 mmHg")]


@pytest.mark.parametrize(
    ("elements", "on"),
    [
        ({"effectiveDateTime": "2026-10-12T08:00:00Z"}, date(2026, 10, 12)),
        ({"effectivePeriod": {"start": "2026-10-12", "end": "2026-10-14"}}, date(2026, 10, 14)),
        ({"effectiveDateTime": "2026-10"}, None),
        ({}, None),
    ],
)
def test_the_date_is_that_of_the_finding(elements: dict[str, Any], on: date | None) -> None:
    assert evidence(_observation(**elements)).on == on


@pytest.mark.parametrize(("status", "caution"), [("final", None), ("preliminary", "preliminary"), (None, None)])
def test_what_is_not_final_says_so(status: str | None, caution: str | None) -> None:
    assert evidence(_observation(status=status)).caution == caution


def test_answers_are_found_by_their_code_at_any_depth() -> None:
    inner = {"linkId": "/cane-sufficient", "answer": [{"valueBoolean": False}]}
    answer = {"valueString": "see below", "item": [inner]}
    item = {"linkId": "group", "item": [{"linkId": "mobility", "text": "Mobility?", "answer": [answer]}]}
    shown = evidence({"resourceType": "QuestionnaireResponse", "id": "1", "status": "completed", "item": [item]})
    assert [(value.label, value.text) for value in shown.values] == [
        ("Mobility?", "see below"),
        ("Cane sufficient", "No"),
    ]
    assert [value.text for value in shown.about("cane-sufficient")] == ["No"]
    assert shown.about("another") == shown.values


def _document(**attachment: Any) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "id": "1",
        "status": "current",
        "type": {"coding": [{"code": "11506-3"}]},
        "content": [{"attachment": attachment}],
    }


def _data(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("attachment", "text"),
    [
        ({"contentType": "text/plain; charset=utf-8", "data": _data("Walks 10 m.")}, "Walks 10 m."),
        ({"contentType": "text/plain", "data": _data("x" * (LONGEST + 1))}, "x" * LONGEST),
        ({"contentType": "text/plain", "data": "%%%"}, None),
        ({"contentType": "text/plain", "url": "Binary/1"}, None),
        ({"contentType": "text/html", "data": _data("<b>no</b>")}, None),
        ({"data": _data("untyped")}, None),
    ],
)
def test_only_plain_text_is_shown_in_the_page(attachment: dict[str, Any], text: str | None) -> None:
    (document,) = evidence(_document(**attachment)).documents
    assert document.text == text


def test_a_text_that_is_cut_says_so() -> None:
    cut, whole = (evidence(_document(contentType="text/plain", data=_data("x" * n))).documents[0]
                  for n in (LONGEST + 1, LONGEST))  # fmt: skip
    assert (cut.cut, whole.cut) == (True, False)
    assert cut.content == b"x" * (LONGEST + 1)


def test_a_report_shows_its_words() -> None:
    report = {"resourceType": "DiagnosticReport", "id": "1", "status": "final", "conclusion": "Lax.",
              "presentedForm": [{"contentType": "text/plain", "title": "MRI", "data": _data("ACL torn.")}]}  # fmt: skip
    shown = evidence(report)
    assert (shown.texts, shown.documents[0].title, shown.documents[0].text) == (("Lax.",), "MRI", "ACL torn.")


@pytest.mark.parametrize(
    ("patient", "name"),
    [
        ({"name": [{"given": ["Ann", "B."], "family": "Ash"}]}, "Ann B. Ash"),
        ({"name": [{"text": "Ann Ash", "family": "X"}]}, "Ann Ash"),
        ({"name": [{"family": "Ash"}]}, "Ash"),
        ({}, "Name not on file"),
        (None, "Name not on file"),
    ],
)
def test_a_name_is_written_as_people_do(patient: dict[str, Any] | None, name: str) -> None:
    assert person(patient).name == name
