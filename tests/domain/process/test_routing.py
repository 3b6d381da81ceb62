from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.envelope import CaseRef, Envelope, StepRef
from domain.process.routing import INITIAL, aside, routing

AT = datetime(2026, 11, 2, 15, tzinfo=UTC)


def envelope(step: str, data: dict[str, Any] | None = None, **more: Any) -> Envelope:
    case = CaseRef(id="prior-authorization-1", workflow="prior-authorization", version="1.0.0", record="Task/1")
    return Envelope(case=case, step=StepRef(id=step, n=1), at=AT, data=data or {}, **more)


def items(*outcomes: str) -> dict[str, Any]:
    judged = [{"outcome": each, "reason": "because"} for each in outcomes]
    return {"items": [{"sequence": n, "determination": each} for n, each in enumerate(judged, 1)], "fired": []}


ASKED: dict[str, Any] = {
    "eligibility": "eligible",
    "requirements": [{"sequence": n, "kind": "required", "rule": "R"} for n in (1, 2)],
    "findings": [],
}


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (("approve", "not-required"), "automatic"),
        (("approve", "request-information"), "information"),
        (("pend", "request-information"), "review"),
        (("approve", "pend"), "review"),
    ],
)
def test_one_item_that_needs_somebody_decides_the_way(outcomes: tuple[str, ...], code: str) -> None:
    assert routing(envelope("determine", ASKED), items(*outcomes), AT)["outcome"] == code


@pytest.mark.parametrize(
    ("tolling", "due", "stopped"),
    [("pauses", AT + timedelta(days=1), True), ("pauses", AT, False), ("pauses", None, False), ("runs", AT, False)],
)
def test_the_clock_stops_where_the_policy_says_so_before_the_deadline(tolling: str, due: Any, stopped: bool) -> None:
    asked = envelope("request-information", {"policy": {"tolling": tolling}}, due=due)
    assert routing(asked, {"task": "Task/i"}, AT) == {"superseded": False, "task": "i", "stopped": stopped}


def test_a_new_review_is_a_task_of_its_own_and_nothing_was_refused_of_it() -> None:
    answer = {"task": "Task/r2", "superseded": False}
    assert routing(envelope("open-review"), answer, AT) == {"superseded": False, "task": "r2", "refused": ""}


def test_a_member_is_judged_at_the_start_or_meanwhile() -> None:
    answer = {"eligibility": {"outcome": "ineligible"}, "fired": []}
    first = routing(envelope("check-eligibility"), answer, AT)
    again = routing(envelope("check-eligibility", task="Task/r"), answer, AT)
    assert (first["meanwhile"], again["meanwhile"]) == (False, True)


@pytest.mark.parametrize(
    ("step", "data", "is_aside"),
    [
        ("escalate", {}, True),
        ("publish-expired", {}, True),
        ("publish-decided", {}, False),
        ("notify-provider", {"event": "deemed"}, True),
        ("notify-provider", {"event": "decided"}, False),
        ("clinical-review", {}, False),
    ],
)
def test_what_is_done_on_the_way(step: str, data: dict[str, Any], is_aside: bool) -> None:
    assert aside(envelope(step, data)) is is_aside


def test_every_variable_is_set_from_the_start() -> None:
    for step, data, answer in (
        ("open-case", {}, {"closed": False}),
        ("take-decision", {}, {"kind": "approve"}),
        ("withdraw-task", {}, {"withdrawn": True}),
        ("close-information", {}, {}),
        ("notify-provider", {"event": "decided"}, {}),
        ("record-decision", {}, {}),
        ("open-review", {}, {"task": "Task/r"}),
        ("request-information", {"policy": {"tolling": "runs"}}, {"task": "Task/i"}),
        ("close-case", {}, {}),
    ):
        assert routing(envelope(step, data), answer, AT).keys() <= INITIAL.keys()
