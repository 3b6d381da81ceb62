"""References as they enter requests: ``Type/id`` and ``Type/id/_history/version``.

https://hl7.org/fhir/R4/references.html#literal
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from domain.errors import NotFound

_LITERAL: Final = re.compile(
    r"([A-Z][A-Za-z]{1,63})/(?!\.+(?:/|$))([A-Za-z0-9.-]{1,64})(?:/_history/([A-Za-z0-9.-]{1,64}))?"
)


@dataclass(frozen=True, slots=True)
class Literal:
    """A reference, taken apart."""

    type: str
    id: str
    version: str | None = None

    @property
    def current(self) -> str:
        """``Type/id``, whatever the version."""
        return f"{self.type}/{self.id}"


def is_literal(reference: str) -> bool:
    """Whether ``reference`` has the form ``Type/id``, with or without a version."""
    return _LITERAL.fullmatch(reference) is not None


def parse(reference: str) -> Literal:
    """``reference``, taken apart. Anything else cannot name a resource: ``NotFound('resource')``."""
    match = _LITERAL.fullmatch(reference)
    if match is None:
        raise NotFound("resource", "this is not a reference of the form Type/id")
    return Literal(*match.groups())
