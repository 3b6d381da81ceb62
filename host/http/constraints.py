"""Constraints of route parameters: ``{id:int}``, ``{code:length(3)}``.

Reference: https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-constraints
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

Check = Callable[[str], bool]
"""Whether a value may stand in the path."""


def _parses(kind: Callable[[str], object]) -> Check:
    def check(text: str) -> bool:
        try:
            kind(text)
        except (ValueError, ArithmeticError):
            return False
        return True

    return check


def _integer(bits: int) -> Check:
    limit = 1 << (bits - 1)
    return lambda text: bool(re.fullmatch(r"[+-]?\d{1,20}", text)) and -limit <= int(text) < limit


def _number(low: int | None, high: int | None) -> Check:
    def check(text: str) -> bool:
        return _integer(64)(text) and (low is None or int(text) >= low) and (high is None or int(text) <= high)

    return check


def _length(low: int, high: int | None = None) -> Check:
    return lambda text: len(text) >= low and (high is None or len(text) <= high)


_PLAIN: dict[str, Check] = {
    "int": _integer(32),
    "long": _integer(64),
    "bool": lambda text: text.lower() in ("true", "false"),
    "datetime": _parses(datetime.fromisoformat),
    "decimal": _parses(Decimal),
    "double": _parses(float),
    "float": _parses(float),
    "guid": _parses(uuid.UUID),
    "alpha": lambda text: bool(re.fullmatch(r"[A-Za-z]*", text)),
    "required": bool,
}
_WITH_ARGUMENTS: dict[str, Callable[..., Check]] = {
    "minlength": lambda low: _length(int(low)),
    "maxlength": lambda high: _length(0, int(high)),
    "length": lambda low, high=None: _length(int(low), int(high or low)),
    "min": lambda low: _number(int(low), None),
    "max": lambda high: _number(None, int(high)),
    "range": lambda low, high: _number(int(low), int(high)),
}


def constraint(name: str, arguments: str | None) -> Check:
    """The check of one constraint, for example ``range`` with ``1,5``.

    Raises:
        ValueError: There is no such constraint, or its arguments are malformed.
    """
    if arguments is None and name in _PLAIN:
        return _PLAIN[name]
    if name == "regex" and arguments is not None:
        pattern = re.compile(arguments.replace("{{", "{").replace("}}", "}"), re.IGNORECASE)
        return lambda text: pattern.search(text) is not None
    if arguments is not None and name in _WITH_ARGUMENTS:
        return _WITH_ARGUMENTS[name](*[part.strip() for part in arguments.split(",")])
    raise ValueError(f"unknown constraint '{name}'")
