"""The decision tables of ``rules/rulesets`` in Python: enough of DMN for first hits over plain unary tests."""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from adapters.rules.base import FiredRule
from adapters.rules.memory import Judge, Judgement

RULESETS = Path(__file__).parents[2] / "rules" / "rulesets"
_DMN = "{https://www.omg.org/spec/DMN/20230324/MODEL/}"
_COMPARE = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}


def table(ruleset: str, decision: str) -> Judge:
    """The judge of a DMN ruleset whose one decision is a table."""

    def judge(facts: Mapping[str, Any]) -> Judgement:
        inputs, outputs, rows = _read(ruleset)
        for row, tests, values, text in rows:
            if all(_holds(test, facts.get(name)) for name, test in zip(inputs, tests, strict=True)):
                result = dict(zip(outputs, values, strict=True))
                return Judgement({decision: result}, (FiredRule(id=row, text=text),))
        raise AssertionError(f"no row of {ruleset} fits")

    return judge


@cache
def _read(ruleset: str) -> tuple[list[str], list[str], list[tuple[str, list[str], list[Any], str]]]:
    source = next((RULESETS / ruleset / "1.0.0").glob("*.dmn"))
    found = ElementTree.parse(source).getroot().find(f".//{_DMN}decisionTable")
    assert found is not None
    inputs = [each.attrib["id"].removeprefix("column-") for each in found.findall(f"{_DMN}input")]
    outputs = [each.attrib["name"] for each in found.findall(f"{_DMN}output")]
    rows = [
        (
            row.attrib["id"],
            _texts(row, "inputEntry"),
            [json.loads(text) for text in _texts(row, "outputEntry")],
            _texts(row, "annotationEntry")[0],
        )
        for row in found.findall(f"{_DMN}rule")
    ]
    return inputs, outputs, rows


def _texts(row: ElementTree.Element, kind: str) -> list[str]:
    return [str(each.findtext(f"{_DMN}text")).strip() for each in row.findall(f"{_DMN}{kind}")]


def _holds(test: str, value: Any) -> bool:
    if test == "-":
        return True
    sign, _, limit = test.partition(" ")
    if sign in _COMPARE:
        return bool(_COMPARE[sign](value, json.loads(limit)))
    return value in json.loads(f"[{test}]")
