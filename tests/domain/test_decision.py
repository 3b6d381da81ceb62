"""What decisions on items amount to, and what a reviewer may send."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from domain.cases import CaseState
from domain.codes import Action
from domain.decision import SENTENCES, X12_REASONS, DenialReason, ItemDecision, overall
from domain.errors import Malformed
from domain.review_decision import item_decisions, parse_decision

CLAIM = {"item": [{"sequence": 1}, {"sequence": 2}]}


def test_every_reason_has_an_x12_code_and_a_sentence() -> None:
    assert set(X12_REASONS) == set(SENTENCES) == set(DenialReason)


@pytest.mark.parametrize(
    ("actions", "state"),
    [
        (["A1"], CaseState.APPROVED),
        (["A1", "NA"], CaseState.APPROVED),
        (["NA", "NA"], CaseState.NOT_REQUIRED),
        (["A3", "A3"], CaseState.DENIED),
        (["A1", "A3"], CaseState.PARTLY_APPROVED),
        (["A6", "A3"], CaseState.PARTLY_APPROVED),
        (["A6"], CaseState.MODIFIED),
        (["A1", "A6"], CaseState.MODIFIED),
        (["A1", "A4"], CaseState.IN_REVIEW),
        (["A3", "A4"], CaseState.IN_REVIEW),
    ],
)
def test_overall(actions: list[str], state: CaseState) -> None:
    items = [ItemDecision(sequence=n, action=action) for n, action in enumerate(actions, 1)]
    assert overall(items) is state


def test_a_question_makes_the_case_wait_for_information() -> None:
    asked = ItemDecision(sequence=1, action=Action.PENDED, information=("59408-5",))
    assert overall([asked, ItemDecision(sequence=2, action=Action.CERTIFIED)]) is CaseState.INFORMATION_REQUESTED


def test_a_decision_is_for_all_items_unless_one_is_named() -> None:
    body = {
        "decision": "approve",
        "start": "2026-12-01",
        "end": "2027-02-28",
        "items": [{"sequence": 2, "decision": "deny", "reason": "criteria-not-met", "criteria": ["MN-1"]}],
        "note": "words",
    }
    first, second = item_decisions(parse_decision(body), CLAIM)
    assert (first.action, first.start, first.end) == ("A1", date(2026, 12, 1), date(2027, 2, 28))
    assert (second.action, second.reason, second.criteria) == ("A3", DenialReason.CRITERIA_NOT_MET, ("MN-1",))
    assert second.start is None
    assert not first.adverse
    assert second.adverse
    assert "words" not in first.model_dump_json() + second.model_dump_json()


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], ""),
        ({}, "/decision"),
        ({"decision": "refuse"}, "/decision"),
        ({"decision": "approve", "nickname": 1}, "/nickname"),
        ({"decision": "deny", "reason": "secret words"}, "/reason"),
        ({"decision": "approve", "note": "x" * 4001}, "/note"),
        ({"decision": "approve", "items": [{"sequence": 1, "quantity": 0}]}, "/items/0/quantity"),
        ({"decision": "approve", "items": [{"sequence": 1, "quantity": 10**15}]}, "/items/0/quantity"),
        ({"decision": "approve", "items": [{"sequence": 1, "quantity": float("inf")}]}, "/items/0/quantity"),
        ({"decision": "approve", "start": "soon"}, "/start"),
        ({"decision": "approve", "quantity": 0}, "/quantity"),
        ({"decision": "approve", "quantity": float("nan")}, "/quantity"),
    ],
)
def test_a_body_that_is_no_decision(body: Any, path: str) -> None:
    with pytest.raises(Malformed) as raised:
        parse_decision(body)
    assert [problem.path for problem in raised.value.problems] == [path]
    assert "secret" not in raised.value.problems[0].text


def test_a_quantity_without_an_item_is_that_of_the_only_one() -> None:
    body = {"decision": "modify", "reason": "criteria-not-met", "quantity": 2}
    (item,) = item_decisions(parse_decision(body), {"item": [{"sequence": 4}]})
    assert (item.sequence, item.quantity) == (4, 2)
    named = {**body, "items": [{"sequence": 4, "quantity": 3}]}
    assert item_decisions(parse_decision(named), {"item": [{"sequence": 4}]})[0].quantity == 3
    denied = {"decision": "deny", "reason": "criteria-not-met", "quantity": 2}
    assert item_decisions(parse_decision(denied), {"item": [{"sequence": 4}]})[0].quantity is None
    with pytest.raises(Malformed, match="needs-portal") as raised:
        item_decisions(parse_decision(body), CLAIM)
    assert [problem.path for problem in raised.value.problems] == ["/quantity"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"decision": "deny"}, "/reason"),
        ({"decision": "modify", "items": [{"sequence": 1, "quantity": 1}, {"sequence": 2, "quantity": 1}]}, "/reason"),
        ({"decision": "modify", "reason": "criteria-not-met"}, "/items"),
        ({"decision": "request-information"}, "/information"),
        ({"decision": "approve", "items": [{"sequence": 9}]}, "/items/0/sequence"),
        ({"decision": "approve", "start": "2027-01-02", "end": "2027-01-01"}, "/end"),
    ],
)
def test_a_decision_that_does_not_fit_the_claim(body: dict[str, Any], path: str) -> None:
    with pytest.raises(Malformed) as raised:
        item_decisions(parse_decision(body), CLAIM)
    assert [problem.path for problem in raised.value.problems] == [path]
