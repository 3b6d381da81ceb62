"""Conditions on sequence flows: the part of FEEL that the models use.

``=name = literal`` or ``!=``, joined by ``and`` and ``or`` (``and`` binds stronger). A literal is a string in quotes,
``true``, ``false`` or ``null``. A variable that is not set is ``null``, as in FEEL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

Value = JsonValue
"""What a routing variable holds; conditions compare those that are scalars."""
Scalar = str | bool | None

_COMPARISON: Final = re.compile(r'\s*([a-z][A-Za-z]*)\s*(!?=)\s*(?:"([^"]*)"|(true|false|null))\s*')
_WORDS: Final[dict[str, Scalar]] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Comparison:
    """``name = value``, or its negation."""

    name: str
    value: Scalar
    equal: bool

    def holds(self, variables: Mapping[str, Value]) -> bool:
        """Whether it is true of ``variables``."""
        return (variables.get(self.name) == self.value) is self.equal


@dataclass(frozen=True, slots=True)
class Condition:
    """Alternatives of comparisons that hold together."""

    alternatives: tuple[tuple[Comparison, ...], ...]

    def holds(self, variables: Mapping[str, Value]) -> bool:
        """Whether it is true of ``variables``."""
        return any(all(one.holds(variables) for one in each) for each in self.alternatives)

    @property
    def names(self) -> frozenset[str]:
        """The variables that it asks for."""
        return frozenset(one.name for each in self.alternatives for one in each)


def parse_condition(text: str) -> Condition:
    """The condition that ``text`` writes. Raises ``ValueError`` for more of FEEL than the models use."""
    if not text.startswith("="):
        raise ValueError(f"the condition {text!r} does not begin with '='")
    alternatives = [[_comparison(part) for part in each.split(" and ")] for each in text[1:].split(" or ")]
    return Condition(tuple(tuple(each) for each in alternatives))


def _comparison(text: str) -> Comparison:
    match = _COMPARISON.fullmatch(text)
    if match is None:
        raise ValueError(f'{text.strip()!r} is no comparison of the form: name = "code"')
    name, sign, string, word = match.groups()
    return Comparison(name, _WORDS[word] if word else string, sign == "=")
