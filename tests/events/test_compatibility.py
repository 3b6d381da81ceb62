"""Which changes of a schema break its readers."""

from __future__ import annotations

import pytest

from events.compatibility import breaks
from tests.events.evolution import BASE, EXAMPLES


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str) -> None:
    schema, accepted = EXAMPLES[name]
    assert (breaks(BASE, schema) == []) is accepted


def test_a_break_names_its_place() -> None:
    schema, _ = EXAMPLES["a code less"]
    assert breaks(BASE, schema) == ["$.outcome: the value failed was removed"]


def test_every_break_is_told() -> None:
    assert breaks(BASE, {**BASE, "properties": {}, "required": ["other"]}) == [
        "$.case: was removed",
        "$.n: was removed",
        "$.outcome: was removed",
        "$.at: was removed",
        "$.code: was removed",
        "$.reasons: was removed",
        "$.other: is required now",
    ]


def test_a_keyword_that_is_not_known_is_taken_for_a_break() -> None:
    assert breaks(BASE, {**BASE, "minProperties": 1}) == ["$: minProperties was changed"]


@pytest.mark.parametrize(("old", "new", "broken"), [(1, 2, True), (2, 1, False), (None, 1, True), (1, None, False)])
def test_lower_bounds(old: int | None, new: int | None, broken: bool) -> None:
    def schema(minimum: int | None) -> dict[str, object]:
        return {"type": "integer"} if minimum is None else {"type": "integer", "minimum": minimum}

    assert bool(breaks(schema(old), schema(new))) is broken


def test_an_alternative_more_is_no_break() -> None:
    old = {"anyOf": [{"type": "string"}]}
    assert breaks(old, {"anyOf": [{"type": "integer"}, {"type": "string"}]}) == []
    assert breaks({"type": "string"}, old) != []
