"""Query parameters of the management API."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from aiohttp import web

from host.http.anycase import query_of
from host.http.errors import BadRequest
from host.http.pages import Pages
from host.model import EntityQuery, InstanceQuery, Status

LONGEST = 1e8
"""Seconds (three years) that a caller may wait."""
_NEVER_HERE = frozenset({"canceled", "continuedasnew"})
"""Statuses that the API knows and no instance of this host ever has."""


def flag(request: web.Request, name: str, default: bool = False) -> bool:
    """A boolean; the SDK writes ``True``."""
    text = query_of(request).get(name)
    return default if text is None else text.lower() == "true"


def seconds(request: web.Request, name: str) -> float | None:
    """A duration in seconds; None: there is no such parameter."""
    text = query_of(request).get(name)
    if not text:
        return None
    try:
        wanted = float(text)
    except ValueError:
        wanted = math.nan
    if not abs(wanted) <= LONGEST:
        raise BadRequest(f"The parameter '{name}' must be a number of seconds.")
    return max(0.0, wanted)


def when(request: web.Request, name: str) -> datetime | None:
    """An instant in ISO 8601; without a zone it is UTC."""
    text = query_of(request).get(name)
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"The parameter '{name}' must be a date and time in ISO 8601.") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def instances(request: web.Request, pages: Pages) -> InstanceQuery | None:
    """Which instances are wanted; None: such as this host never has."""
    given = ",".join(query_of(request).getall("runtimeStatus", []))
    words = [word.strip() for word in given.split(",") if word.strip()]
    known = {status.lower(): status for status in Status}
    for word in words:
        if word.lower() not in known and word.lower() not in _NEVER_HERE:
            raise BadRequest(f"The parameter 'runtimeStatus' takes: {', '.join(Status)}.")
    statuses = frozenset(known[word.lower()] for word in words if word.lower() in known)
    if words and not statuses:
        return None
    return InstanceQuery(
        statuses=statuses,
        created_from=when(request, "createdTimeFrom"),
        created_to=when(request, "createdTimeTo"),
        prefix=query_of(request).get("instanceIdPrefix", ""),
        top=pages.top(request),
        token=pages.token(request),
    )


def entities(request: web.Request, name: str | None, pages: Pages) -> EntityQuery:
    """Which entities are wanted."""
    return EntityQuery(
        name=name.lower() if name else None,
        updated_from=when(request, "lastOperationTimeFrom"),
        updated_to=when(request, "lastOperationTimeTo"),
        top=pages.top(request),
        token=pages.token(request),
    )
