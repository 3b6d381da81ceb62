"""Who decides: the caller, or the person for whom the Camunda mirror passes on what was decided in Tasklist.

Only the role ``mirror`` is heard for somebody else. Whom a user name of Camunda stands for is said by the payer's
operators (``WORKFLOW_TASKLIST_PEOPLE``), never by the request.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from domain.errors import Forbidden, Malformed, Problem
from domain.events.mark import mark_of
from domain.principal import Role
from triggers.desk import Desk
from triggers.door import Call

PERSON: Final = "x-workflow-on-behalf-of"
"""Header: the person's user name in Camunda, percent-encoded where it is not ASCII."""
MARK: Final = "x-workflow-mark"
"""Header: what the sender calls this decision, the same each time that it is sent."""


def decider(call: Call, *roles: Role) -> Desk:
    """The desk at which a decision is made: with a mark where it is passed on.

    Raises ``Forbidden('on-behalf-of')`` for the header without the role ``mirror`` and for the role without the header,
    ``Forbidden('unknown-person')``, ``Forbidden('role')`` for a person who has none of ``roles``, and
    ``Malformed('mark')`` without a mark.
    """
    name = call.request.headers.get(PERSON)
    if (name is None) == (Role.MIRROR in call.who.roles):
        raise Forbidden("on-behalf-of", f"the role mirror, and no other, decides for somebody: header {PERSON}")
    if name is None:
        return call
    person = call.to.settings.tasklist_people.get(unquote(name))
    if person is None:
        raise Forbidden("unknown-person", "the person is none of WORKFLOW_TASKLIST_PEOPLE")
    person.require(*roles)
    return Desk(person, call.to, call.instances, mark=mark_of(call.who.id, _mark(call)), passed_on_by=call.who.id)


def _mark(call: Call) -> str:
    given = call.request.headers.get(MARK)
    if not given:
        raise Malformed([Problem(path=MARK, text="Name the decision, so that its repeat is known.")], "mark")
    return str(given)
