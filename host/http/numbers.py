"""Numbers as the parsers of .NET take them with the invariant culture.

Reference: https://learn.microsoft.com/dotnet/api/system.globalization.numberstyles
"""

from __future__ import annotations

import re
from decimal import Decimal

_DIGITS = r"(?:[0-9][0-9,]*(?:\.[0-9]*)?|\.[0-9]+)"
"""A comma may stand anywhere between the digits of the whole part."""
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_DOUBLE = re.compile(rf"[+-]?(?:{_DIGITS}(?:E[+-]?[0-9]+)?|Infinity|NaN)", re.IGNORECASE)
_DECIMAL = re.compile(rf"[+-]?{_DIGITS}|{_DIGITS}[+-]")
_TOO_GREAT = Decimal("79228162514264337593543950335.5")
"""The first number that .NET's ``decimal`` does not hold, once rounded."""


def integer(text: str) -> int | None:
    """The number of ``NumberStyles.Integer``; None if it is none."""
    return int(text) if _INTEGER.fullmatch(text) else None


def is_double(text: str) -> bool:
    """``NumberStyles.Float`` with thousands; what is too great for a double is infinite."""
    return _DOUBLE.fullmatch(text) is not None


def is_decimal(text: str) -> bool:
    """``NumberStyles.Number``: no exponent, and the sign may stand at the end."""
    if _DECIMAL.fullmatch(text) is None:
        return False
    return Decimal(text.strip("+-").replace(",", "")) < _TOO_GREAT
