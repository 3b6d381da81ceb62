"""Loading a folder: what is wrong with it is told before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.options import StackError
from stack.seed import seed

NOWHERE = "http://127.0.0.1:1/fhir"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", r"one\.json is not JSON"),
        ('{"resourceType": "Patient"}', r"no resourceType or no id"),
        ('{"resourceType": "Bundle", "entry": [{"resource": {"id": "a"}}]}', r"no resourceType or no id"),
        ('{"resourceType": "Bundle", "entry": []}', r"holds no FHIR resources"),
        ('{"resourceType": "Patient", "id": "a"}', r"does not answer \(ConnectError\)"),
    ],
)
def test_problems_are_named(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "one.json").write_text(text)
    with pytest.raises(StackError, match=problem):
        seed(NOWHERE, tmp_path)


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="holds no FHIR resources"):
        seed(NOWHERE, tmp_path)
