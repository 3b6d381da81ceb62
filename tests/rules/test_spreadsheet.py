"""Decision tables in workbooks: what Drools would accept silently is refused with its cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import load_workbook
from openpyxl.workbook import Workbook

from tests.rules.service import Service, next_version, problems, publish

pytestmark = pytest.mark.integration

FILE = "criteria.drl.xlsx"
Edit = Callable[[Workbook], object]


def put(sheet: str, cell: str, value: object) -> Edit:
    def edit(book: Workbook) -> None:
        book[sheet][cell] = value

    return edit


def clear(sheet: str, *cells: str) -> Edit:
    def edit(book: Workbook) -> None:
        for cell in cells:
            book[sheet][cell] = None

    return edit


FAULTS: dict[str, tuple[Edit, str, str]] = {
    "code as a number": (put("Codes", "C9", 601), "Codes!C9", "formatted as text"),
    "formula": (put("Codes", "C9", "=1+1"), "Codes!C9", "not a formula"),
    "row without a condition": (clear("Criteria", "C10"), "Criteria!A10", "fire for everything"),
    "row without an id": (clear("Tests", "A11"), "Tests!A11", "must not be blank"),
    "row without a sentence": (clear("Tests", "B11"), "Tests!B11", "must not be blank"),
    "id twice in one sheet": (put("Tests", "A11", "MN-E0601-1a"), "Tests!A11", "Tests!A9"),
    "id twice in two sheets": (put("Tests", "A11", "PA-E0601"), "Tests!A11", "Codes!A9"),
    "keyword that Drools would read by its first letter": (put("Codes", "D5", "CONCLUSION"), "Codes!D5", "keyword"),
    "text where the snippet takes a number": (put("Tests", "F10", "15); x("), "Tests!F10", "must be a number"),
    "no column of ids": (put("Codes", "A7", 'owner("$param")'), "Codes!A4", 'id("$param")'),
    "condition on an unknown field": (put("Codes", "C7", 'colour == "$param"'), "Codes!A9", "colour"),
    "action that is no Java": (put("Criteria", "D7", "insert(nothing($param));"), "Criteria!D9", "must be a number"),
    "action without its first column": (clear("Tests", "D12"), "Tests!A12", "t cannot be resolved"),
    "sheet without a table": (lambda book: book.create_sheet("More codes"), "More codes", "has no RuleTable"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_workbook_is_refused_with_its_cell(fault: str, service: Service, folder: Path) -> None:
    edit, place, text = FAULTS[fault]
    version = f"2.0.{list(FAULTS).index(fault)}"
    copy = next_version(folder, "medical-necessity", version)
    book = load_workbook(copy / FILE)
    edit(book)
    book.save(copy / FILE)
    found = problems(publish(service, "medical-necessity", version))
    assert any((p["file"], p["place"]) == (FILE, place) and text in p["text"] for p in found), found


def test_a_sheet_of_notes_is_left_alone(service: Service, folder: Path) -> None:
    copy = next_version(folder, "medical-necessity", "1.1.0")
    book = load_workbook(copy / FILE)
    book.create_sheet("Notes on sources")["A1"] = "Reviewed."
    book.save(copy / FILE)
    assert publish(service, "medical-necessity", "1.1.0").status_code == 200


def test_a_file_that_is_no_workbook_is_refused(service: Service, folder: Path) -> None:
    copy = next_version(folder, "medical-necessity", "1.2.0")
    (copy / FILE).write_bytes(b"PK not a workbook")
    (problem,) = problems(publish(service, "medical-necessity", "1.2.0"))
    assert problem == {"file": FILE, "text": "is not a readable .xlsx workbook"}
