"""One record that cannot be read hides no other: lists and timers leave it out and say so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeVar

from domain import fhir
from domain.json import Resource

LOG: Final = logging.getLogger("workflow.records")
Read = TypeVar("Read")
_UNREADABLE: Final = (LookupError, TypeError, ValueError, AttributeError, StopIteration)
"""What reading a resource raises that lacks something or has another type there."""


def readable(read: Callable[[Resource], Read], resource: Resource) -> Read | None:
    """What ``read`` makes of ``resource``; ``None``, and type and id in the log, when it is not what we write."""
    try:
        return read(resource)
    except _UNREADABLE as error:
        LOG.error("%s is not as the engine writes it (%s) and is left out", fhir.name(resource), type(error).__name__)
        return None
