from __future__ import annotations

from typing import Any

import pytest

from domain.process.conditions import parse_condition


@pytest.mark.parametrize(
    ("text", "variables", "holds"),
    [
        ("=closed = true", {"closed": True}, True),
        ("=closed = true", {"closed": False}, False),
        ("=closed = true", {}, False),
        ("=closed = null", {}, True),
        ('=outcome = "review"', {"outcome": "review"}, True),
        ('=outcome != "review"', {"outcome": "review"}, False),
        ('=taken = "question" and eligibility = "ineligible"', {"taken": "question", "eligibility": "eligible"}, False),
        ('=taken = "question" and closed = false', {"taken": "question", "closed": False}, True),
        ('=closed = true or taken = "a" and taken = "b"', {"closed": True, "taken": "c"}, True),
        ('=closed = true and taken = "a" or taken = "b"', {"closed": False, "taken": "b"}, True),
    ],
)
def test_a_condition_holds_as_in_feel(text: str, variables: dict[str, Any], holds: bool) -> None:
    assert parse_condition(text).holds(variables) is holds


def test_it_says_what_it_asks_for() -> None:
    assert parse_condition('=a = true or b = "x" and a = false').names == {"a", "b"}


@pytest.mark.parametrize("text", ["closed = true", "=closed", "=count(items) > 1", "=a = b", '=a = "x', "=", "=A = 1"])
def test_more_of_feel_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"(is no comparison|does not begin)"):
        parse_condition(text)
