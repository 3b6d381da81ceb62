"""How a schema may evolve: examples that our own check and the registry must judge alike."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final

from events.compatibility import Schema

BASE: Final[Schema] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "$id": "urn:workflow-engine:event:example.v1:1",
    "title": "Example",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "case": {"type": "string", "pattern": "^[a-z]+$"},
        "n": {"type": "integer"},
        "outcome": {"type": "string", "enum": ["completed", "failed"]},
        "at": {"type": "string", "format": "date-time"},
        "code": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "reasons": {"type": "array", "items": {"type": "string"}, "default": []},
    },
    "required": ["case", "n", "outcome", "at"],
}


def _optional_field(schema: Any) -> None:
    schema["properties"]["more"] = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}


def _optional_list(schema: Any) -> None:
    schema["properties"]["more"] = {"type": "array", "items": {"type": "string"}, "default": []}


def _required_field(schema: Any) -> None:
    schema["properties"]["more"] = {"type": "string"}
    schema["required"].append("more")


def _renamed(schema: Any) -> None:
    schema["properties"]["number"] = schema["properties"].pop("n")
    schema["required"] = ["case", "number", "outcome", "at"]


def _removed(schema: Any) -> None:
    del schema["properties"]["code"]


def _made_required(schema: Any) -> None:
    schema["required"].append("code")


def _made_optional(schema: Any) -> None:
    schema["required"].remove("n")


def _into(*path: str, **words: Any) -> Callable[[Any], None]:
    def change(schema: Any) -> None:
        for step in path:
            schema = schema[step]
        schema.update(words)

    return change


def _without(*path: str) -> Callable[[Any], None]:
    def change(schema: Any) -> None:
        for step in path[:-1]:
            schema = schema[step]
        del schema[path[-1]]

    return change


_P: Final = "properties"
_CHANGES: Final[dict[str, tuple[Callable[[Any], None], bool]]] = {
    "other wording": (_into(_P, "n", description="Counts."), True),
    "an optional field more": (_optional_field, True),
    "an optional list more": (_optional_list, True),
    "a required field more": (_required_field, False),
    "a field removed": (_removed, False),
    "a field renamed": (_renamed, False),
    "an optional field required": (_made_required, False),
    "a required field optional": (_made_optional, True),
    "another type": (_into(_P, "n", type="string"), False),
    "a wider number": (_into(_P, "n", type="number"), True),
    "null no longer allowed": (_into(_P, "code", anyOf=[{"type": "string"}]), False),
    "another type of items": (_into(_P, "reasons", "items", type="integer"), False),
    "a code more": (_into(_P, "outcome", enum=["completed", "failed", "skipped"]), True),
    "a code less": (_into(_P, "outcome", enum=["completed"]), False),
    "another pattern": (_into(_P, "case", pattern="^[a-f]+$"), False),
    "a pattern less": (_without(_P, "case", "pattern"), True),
    "a pattern more": (_into(_P, "reasons", "items", pattern="^[a-z]+$"), False),
    "a format more": (_into(_P, "case", format="date-time"), False),
    "a shorter text": (_into(_P, "case", maxLength=5), False),
    "opened": (_without("additionalProperties"), True),
}


def _evolved(change: Callable[[Any], None]) -> Schema:
    schema = copy.deepcopy(BASE)
    schema["$id"] = "urn:workflow-engine:event:example.v1:2"
    change(schema)
    return schema


EXAMPLES: Final = {name: (_evolved(change), accepted) for name, (change, accepted) in _CHANGES.items()}
"""Name -> the next version of ``BASE``, and whether readers of it can read ``BASE``."""
