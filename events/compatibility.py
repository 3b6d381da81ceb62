"""Whether readers of a new schema can read what an old one allows (BACKWARD), for what our models are made of: closed
objects, lists, codes.

The registry gives the same answer when a version is registered; this one needs no server, so a breaking change fails
the unit tests. A difference in a keyword that is not known here is taken for a break.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

Schema = dict[str, Any]

_NOTES: Final = {"$id", "$schema", "title", "description", "default", "examples"}
_HIGHEST: Final = {"maximum", "exclusiveMaximum", "maxLength", "maxItems"}
_LOWEST: Final = {"minimum", "exclusiveMinimum", "minLength", "minItems"}


def breaks(old: Schema, new: Schema, place: str = "$") -> list[str]:
    """What of ``old`` a reader of ``new`` would refuse: one sentence each, none where the change is compatible."""
    found: list[str] = []
    for word in sorted((old.keys() | new.keys()) - _NOTES):
        before, after = old.get(word), new.get(word)
        if before != after:
            found += _CHECKS.get(word, _changed)(word, before, after, place)
    return found


def _changed(word: str, _before: Any, _after: Any, place: str) -> Iterator[str]:
    yield f"{place}: {word} was changed"


def _type(word: str, before: Any, after: Any, place: str) -> Iterator[str]:
    if (before, after) != ("integer", "number"):
        yield f"{place}: {word} was changed from {before} to {after}"


def _loosened(word: str, _: Any, after: Any, place: str) -> Iterator[str]:
    if after is not None:
        yield f"{place}: {word} was added or changed"


def _bound(word: str, before: Any, after: Any, place: str) -> Iterator[str]:
    tighter = after is not None and (before is None or (after < before if word in _HIGHEST else after > before))
    if tighter:
        yield f"{place}: {word} was tightened"


def _enum(_: str, before: Any, after: Any, place: str) -> Iterator[str]:
    if before is None or after is None:
        yield f"{place}: enum was added or removed"
        return
    yield from (f"{place}: the value {value} was removed" for value in before if value not in after)


def _closed(word: str, _: Any, after: Any, place: str) -> Iterator[str]:
    if after not in (None, True):
        yield f"{place}: {word} was closed"


def _required(_: str, before: Any, after: Any, place: str) -> Iterator[str]:
    yield from (f"{place}.{name}: is required now" for name in after or () if name not in (before or ()))


def _properties(_: str, before: Any, after: Any, place: str) -> Iterator[str]:
    for name, old in (before or {}).items():
        if name not in (after or {}):
            yield f"{place}.{name}: was removed"
        else:
            yield from breaks(old, after[name], f"{place}.{name}")


def _items(word: str, before: Any, after: Any, place: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from breaks(before, after, f"{place}[]")
    else:
        yield f"{place}: {word} was added or removed"


def _any_of(word: str, before: Any, after: Any, place: str) -> Iterator[str]:
    if before is None or after is None:
        yield f"{place}: {word} was added or removed"
        return
    for old in before:
        if all(breaks(old, new, place) for new in after):
            yield f"{place}: {word} no longer allows {old.get('type', 'one of its alternatives')} as before"


_CHECKS: Final = {
    "type": _type,
    "pattern": _loosened,
    "format": _loosened,
    "enum": _enum,
    "additionalProperties": _closed,
    "required": _required,
    "properties": _properties,
    "items": _items,
    "anyOf": _any_of,
    **dict.fromkeys(_HIGHEST | _LOWEST, _bound),
}
