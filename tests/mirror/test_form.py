"""The form of a clinical review as a decision: what it says, what it may not say, and nothing that it was left with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.decision import DenialReason
from domain.refusals import SENTENCES
from domain.review_decision import Decision, item_decisions, parse_decision
from mirror import form
from processes import FOLDER

CLAIM = {"item": [{"sequence": 7}]}
REASON = {"reason": "criteria-not-met"}
LEFT = {"reason": "criteria-not-met", "quantity": 3, "start": "2026-12-01", "end": None, "information": "59408-5"}
"""What an earlier round of the same case has left in the variables."""
NO_QUANTITIES: tuple[object, ...] = (0, -1, True, "some", "1,5", "nan", float("inf"), 10**15, 10**400, [], {})
NO_DATES: tuple[object, ...] = (
    "tomorrow",
    "2026-02-30",
    "20261201",
    "2026-W49-2",
    "0000-01-01",
    20261201,
    "2026-12-01T00:00",
)
NO_CODES: tuple[object, ...] = (
    None,
    "",
    " ",
    ",",
    "the chart",
    "59408-5,",
    "59408-55",
    ["59408-5"],
    ",".join(["1-1"] * 21),
)


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"decision": "approve"}, {}),
        ({"decision": "approve", **LEFT}, {}),
        ({"decision": "deny", **LEFT}, REASON),
        ({"decision": "modify", **LEFT, "information": ""}, {**REASON, "quantity": 3.0, "start": "2026-12-01"}),
        ({"decision": "modify", **REASON, "quantity": "2.5"}, {**REASON, "quantity": 2.5}),
        (
            {"decision": "modify", **REASON, "quantity": None, "start": "2026-12-01", "end": "2026-12-01"},
            {**REASON, "start": "2026-12-01", "end": "2026-12-01"},
        ),
        (
            {"decision": "request-information", **LEFT, "information": "59408-5,2708-6 , 1234567-8"},
            {"information": ["59408-5", "2708-6", "1234567-8"]},
        ),
    ],
)
def test_what_the_form_says(fields: dict[str, Any], body: dict[str, Any]) -> None:
    assert form.decision({"durableId": "x", **fields}) == {"decision": fields["decision"], **body}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, form.DECISION),
        ({"decision": None}, form.DECISION),
        ({"decision": "perhaps"}, form.DECISION),
        ({"decision": ["approve"]}, form.DECISION),
        ({"decision": "deny"}, form.REASON),
        ({"decision": "deny", "reason": "I do not like it"}, form.REASON),
        ({"decision": "modify", "quantity": 1}, form.REASON),
        ({"decision": "modify", **REASON}, form.MODIFICATION),
        ({"decision": "modify", **REASON, "quantity": "", "start": "", "end": None}, form.MODIFICATION),
        *(({"decision": "modify", **REASON, "quantity": wrong}, form.QUANTITY) for wrong in NO_QUANTITIES),
        *(({"decision": "modify", **REASON, "start": wrong}, form.DATES) for wrong in NO_DATES),
        ({"decision": "modify", **REASON, "start": "2026-12-02", "end": "2026-12-01"}, form.DATES),
        *(({"decision": "request-information", "information": wrong}, form.INFORMATION) for wrong in NO_CODES),
    ],
)
def test_what_the_form_may_not_say(fields: dict[str, Any], code: str) -> None:
    assert form.decision(fields) == code
    assert code in SENTENCES


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates().map(str)
VALUES = st.recursive(SCALARS, lambda each: st.lists(each) | st.dictionaries(st.text(), each), max_leaves=4)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "decision": st.sampled_from(list(Decision)).map(str) | VALUES,
        "reason": st.sampled_from(list(DenialReason)).map(str) | VALUES,
        "quantity": VALUES,
        "start": VALUES,
        "end": VALUES,
        "information": st.lists(st.from_regex(r"\A[0-9]{1,7}-[0-9]\Z")).map(",".join) | VALUES,
        "note": st.text(),
    },
)


@given(FIELDS)
def test_anything_is_a_decision_that_the_door_takes_or_a_code(fields: dict[str, Any]) -> None:
    found = form.decision(fields)
    if isinstance(found, str):
        assert found in SENTENCES
        return
    crossed = json.loads(json.dumps(found, allow_nan=False))
    (item,) = item_decisions(parse_decision(crossed), CLAIM)
    assert item.sequence == 7
    assert set(found) <= {"decision", "reason", "quantity", "start", "end", "information"}


def test_the_form_offers_what_is_understood() -> None:
    fields = {
        each.get("key"): each
        for each in json.loads((FOLDER / "forms" / "clinical-review.form").read_text())["components"]
    }
    assert {each["value"] for each in fields["decision"]["values"]} == set(Decision)
    assert {each["value"] for each in fields["reason"]["values"]} == set(DenialReason)
    assert {"decision", "reason", "quantity", "start", "end", "information"} <= fields.keys()
