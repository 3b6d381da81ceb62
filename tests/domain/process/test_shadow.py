from __future__ import annotations

from typing import Any

from domain.process.routing import routing
from tests.domain.process.test_routing import ASKED, AT, envelope, items

DEADLINE: dict[str, Any] = {
    "due": AT,
    "zone": "America/New_York",
    "calendar": "c",
    "milestones": [],
    "policy": {
        "row": "ERISA-STANDARD",
        "duration": 15,
        "unit": "calendar-days",
        "tolling": "pauses",
        "extension_days": 15,
        "expiry": "late",
        "appeal_days": 180,
        "information_hours": 1080,
        "source": "29 CFR",
    },
}
SET: dict[str, Any] = {"kind": "appeal", "received_at": AT, "line_of_business": "commercial", "urgency": "standard"}


def pinned(step: str, data: dict[str, Any], **rules: str) -> Any:
    asked = envelope(step, data)
    return asked.model_copy(update={"case": asked.case.model_copy(update={"rules": rules})})


def test_each_item_is_shown_as_the_rules_had_it_and_judged_it() -> None:
    met = {"sequence": 1, "criterion": "C", "status": "met", "text": "words"}
    data = {**ASKED, "findings": [met, met, {**met, "status": "unknown"}, {**met, "sequence": 2, "status": "unmet"}]}
    shown = routing(pinned("determine", data, determination="1.2.0"), items("approve", "pend"), AT)["determinations"]
    base = {"eligibility": "eligible", "requirement": "required", "informationRequested": False}
    assert shown == {
        "version": "1.2.0",
        "items": [
            {
                "given": {**base, "met": 2, "unmet": 0, "unknown": 1},
                "said": {"outcome": "approve", "reason": "because"},
            },
            {
                "given": {**base, "met": 0, "unmet": 1, "unknown": 0},
                "said": {"outcome": "pend", "reason": "because"},
            },
        ],
    }


def test_a_clock_is_shown_with_its_state() -> None:
    asked = pinned("set-deadline", SET, **{"clock-policy": "1.0.0"})
    shown: Any = routing(asked, {**DEADLINE, "state": "OH"}, AT)["clockPolicies"]
    (item,) = shown["items"]
    assert item["given"] == {"lineOfBusiness": "commercial", "urgency": "standard", "state": "OH", "kind": "appeal"}
    assert item["said"]["appealDays"] == 180
    assert item["said"]["row"] == "ERISA-STANDARD"


def test_an_answer_that_does_not_say_its_state_is_passed_over() -> None:
    asked = pinned("set-deadline", SET, **{"clock-policy": "1.0.0"})
    assert routing(asked, DEADLINE, AT)["clockPolicies"] == {"version": "1.0.0", "items": []}


def test_without_a_pinned_version_nothing_is_judged_again() -> None:
    assert routing(pinned("determine", ASKED), items("pend", "pend"), AT)["determinations"] == {
        "version": "",
        "items": [],
    }
