"""Constraints of route parameters: ``{id:int}``, ``{code:length(3)}``.

Reference: https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-constraints
"""

from __future__ import annotations

import re
from collections.abc import Callable

from host.http.dates import is_datetime
from host.http.numbers import integer, is_decimal, is_double

Check = Callable[[str], bool]
"""Whether a value may stand in the path."""

_GUID_D = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_GUID = re.compile(rf"[0-9a-f]{{32}}|{_GUID_D}|\{{{_GUID_D}\}}|\({_GUID_D}\)", re.IGNORECASE)
"""The forms N, D, B and P of ``Guid.TryParse``."""
_LOWEST, _HIGHEST = -(1 << 63), (1 << 63) - 1
"""Bounds of a ``long``."""


def _number(low: int = _LOWEST, high: int = _HIGHEST) -> Check:
    def check(text: str) -> bool:
        number = integer(text)
        return number is not None and low <= number <= high

    return check


def _length(low: int, high: int | None = None) -> Check:
    return lambda text: len(text) >= low and (high is None or len(text) <= high)


def _is_file(text: str) -> bool:
    """Something other than dots follows the first dot of the last segment."""
    return bool(text.rpartition("/")[2].partition(".")[2].strip("."))


_PLAIN: dict[str, Check] = {
    "int": _number(-(1 << 31), (1 << 31) - 1),
    "long": _number(),
    "bool": lambda text: text.lower() in ("true", "false"),
    "datetime": is_datetime,
    "decimal": is_decimal,
    "double": is_double,
    "float": is_double,
    "guid": lambda text: _GUID.fullmatch(text) is not None,
    "alpha": lambda text: bool(re.fullmatch(r"[A-Za-z]*", text)),
    "required": bool,
    "file": _is_file,
    "nonfile": lambda text: not _is_file(text),
}
_WITH_NUMBERS: dict[str, tuple[Callable[..., Check], tuple[int, ...]]] = {
    "minlength": (_length, (1,)),
    "maxlength": (lambda high: _length(0, high), (1,)),
    "length": (lambda low, high=None: _length(low, low if high is None else high), (1, 2)),
    "min": (lambda low: _number(low=low), (1,)),
    "max": (lambda high: _number(high=high), (1,)),
    "range": (_number, (2,)),
}
"""With how many numbers each is written."""


def constraint(name: str, arguments: str | None) -> Check:
    """The check of one constraint, for example ``range`` with ``1,5``.

    Raises:
        ValueError: There is no such constraint, or its arguments are malformed.
    """
    if arguments is None and name in _PLAIN:
        return _PLAIN[name]
    if name == "regex" and arguments is not None:
        return _regex(arguments.replace("{{", "{").replace("}}", "}"))
    if arguments is not None and name in _WITH_NUMBERS:
        make, counts = _WITH_NUMBERS[name]
        return make(*_numbers(name, arguments, counts))
    raise ValueError(f"unknown constraint '{name}'")


def _regex(text: str) -> Check:
    try:
        pattern = re.compile(text, re.IGNORECASE)
    except (re.error, OverflowError) as error:  # the second of a repetition without measure
        raise ValueError(f"the regular expression '{text}' is malformed ({error})") from error
    return lambda value: pattern.search(value) is not None


def _numbers(name: str, arguments: str, counts: tuple[int, ...]) -> list[int]:
    parts = [part.strip() for part in arguments.split(",")]
    if len(parts) not in counts or not all(re.fullmatch(r"[+-]?\d{1,20}", part) for part in parts):
        wanted = " or ".join(map(str, counts))
        raise ValueError(f"the constraint '{name}({arguments})' takes {wanted} whole number{'s' * (counts[-1] > 1)}")
    return [int(part) for part in parts]
