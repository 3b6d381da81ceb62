"""What a person is told of a decision that was not taken."""

from __future__ import annotations

import json
import re

import pytest

from domain.refusals import SENTENCES, sentence
from processes import FOLDER


def test_every_code_has_a_sentence_and_an_unknown_one_is_named() -> None:
    assert all(re.fullmatch(r"[A-Z][^{}]+\.", sentence(code)) for code in SENTENCES)
    assert sentence("finished").startswith("The task was finished")
    assert "brand-new" in sentence("brand-new")


@pytest.mark.parametrize(("name", "variable"), [("clinical-review", "refused"), ("decision-refused", "code")])
def test_the_forms_of_camunda_say_the_same(name: str, variable: str) -> None:
    text = " ".join(
        str(each.get("text")) for each in json.loads((FOLDER / "forms" / f"{name}.form").read_text())["components"]
    )
    branches = re.findall(r'if ((?:\w+ = "[a-z-]+"(?: or )?)+) then "([^"]+)"', text)
    told = {code: says for codes, says in branches for code in re.findall(rf'{variable} = "([a-z-]+)"', codes)}
    assert told == SENTENCES


def test_the_documentation_lists_them() -> None:
    page = (FOLDER.parent / "docs" / "review.md").read_text()
    assert [code for code, told in SENTENCES.items() if f"| `{code}` | {told} |" not in page] == []
