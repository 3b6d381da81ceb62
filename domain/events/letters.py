"""Dead letters by reference: their ids, the lanes in which later records wait, and what is told of an error."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final
from uuid import UUID, uuid5

from domain.errors import Malformed, Problem, Rejected

DEFECT: Final = "defect"
"""Reason of a letter that is the engine's own fault."""
UNAVAILABLE: Final = "unavailable"
"""Reason of a letter that failed for long, as if a system were away, while all of them answered."""
MOST_PLACES: Final = 20
_NAMESPACE: Final = UUID("2c9a4a0e-8f0b-5a57-9a0c-6b8f6f8f1d21")
_LONGEST: Final = 200
_MADE_UP: Final = frozenset({"structure", "invalid"})
"""Codes of problems whose place may end in a name that the sender made up."""


def position_id(topic: str, partition: int, offset: int) -> str:
    """The id of what is told about the record there, however often it is told."""
    return str(uuid5(_NAMESPACE, f"{topic}|{partition}|{offset}"))


def lane_of(key: bytes | None) -> str | None:
    """The lane of records with that key: a hash of it as text, for a trigger gives text and the log bytes; ``None``
    without a key, where nothing has an order."""
    return None if key is None else hashlib.sha256(key.decode(errors="replace").encode()).hexdigest()[:32]


def places(error: Rejected) -> tuple[str, ...]:
    """Where the input is wrong, in names of ours alone."""
    return _shown(error.problems) if isinstance(error, Malformed) else ()


def _shown(problems: Sequence[Problem]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_place(problem) for problem in problems))[:MOST_PLACES]


def _place(problem: Problem) -> str:
    path = problem.path[:_LONGEST]
    if problem.code not in _MADE_UP:
        return path
    if path.startswith("/"):
        return "/?"
    parent, dot, _ = path.rpartition(".")
    return f"{parent}.?" if dot else path
