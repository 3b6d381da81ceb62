"""What the handlers of events share: who speaks, what the Binary holds, and that an event acts once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from domain import fhir
from domain.binary import content
from domain.cases import read_case
from domain.errors import Conflict, Unavailable
from domain.events.mark import mark, mark_token
from domain.principal import Role
from triggers.desk import Desk
from triggers.event import Event, Kind, Outcome

PASSING: Final = frozenset({"stale", "changed"})
"""Conflicts of two writes at the same moment: the next try reads anew."""


def desk_of(event: Event, *roles: Role, organization: str | None = None) -> Desk:
    """The desk at which an event is acted on. Raises ``Forbidden`` for a source that is not trusted, has none of
    ``roles`` or may not speak for ``organization``."""
    who = event.principal(organization)
    who.require(*roles)
    return Desk(who, event.to, event.instances, mark=mark(event.attributes), dry=event.dry)


async def claim(desk: Desk, reference: str, owner: str) -> tuple[Desk, bytes]:
    """What the Binary ``reference`` of ``owner`` (``Type/id``) holds, and the desk that has read it.

    It is read by a batch: there every server gives the resource, and none the bare bytes. Raises as
    ``domain.binary.content`` does.
    """
    (binary,) = await desk.to.fhir.read_many([reference])
    held = content(binary, owner, desk.to.settings.max_body_bytes)
    version = (binary or {})["meta"]["versionId"]
    return replace(desk, accessed=(*desk.accessed, f"{reference}/_history/{version}")), held


async def once(desk: Desk, act: Callable[[], Awaitable[str]]) -> Outcome:
    """``RAISED`` with the case that ``act`` returns; ``EXISTS`` where this very event changed a Task before."""
    if case := await _changed(desk):
        return Outcome(Kind.EXISTS, case)
    try:
        return Outcome(Kind.RAISED, await act())
    except Conflict as error:
        if case := await _changed(desk):
            return Outcome(Kind.EXISTS, case)
        if error.code in PASSING:
            raise Unavailable("changed", "another wrote at the same moment; the next try reads anew") from error
        raise


async def _changed(desk: Desk) -> str | None:
    """The case whose Task bears the mark of the event."""
    page = await desk.to.fhir.search("Task", {"identifier": mark_token(str(desk.mark))})
    for task in page.matches:
        return read_case(await desk.to.fhir.read(str(fhir.reference(task["partOf"][0])))).id
    return None
