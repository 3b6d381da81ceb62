"""``GET /processes/instances``: durable instances as codes, for projections such as the Camunda mirror.

Nothing here is written as an AuditEvent: ids, codes and instants are given, and no record of a person is read. Who may
see them is limited all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import azure.durable_functions as df
import azure.functions as func

from domain.errors import Malformed, NotFound, Problem
from domain.json import Json
from domain.principal import Role
from domain.process.facts import facts_in_view
from domain.process.seen import Seen, seen_in_view
from triggers.door import Call, answer, door
from triggers.instances import ENDED, RUNNING, History, Standing
from triggers.versions import default_version

READERS: Final = (Role.OPERATOR, Role.AUDITOR, Role.MIRROR)
SINCE: Final = "ended-since"
blueprint = df.Blueprint()


@door(blueprint, "processes/instances", "GET", roles=READERS)
async def list_instances(call: Call) -> func.HttpResponse:
    """All instances that go on, and those that ended since ``ended-since`` (to the second; none without it)."""
    since = _since(call.request.params)
    found = await call.instances.list(states=RUNNING | ENDED if since else RUNNING)
    items = [_listed(each) for each in found if each.open or _ended_since(each, since)]
    return answer({"items": items})


@door(blueprint, "processes/instances/{id}", "GET", roles=READERS)
async def read_instance(call: Call) -> func.HttpResponse:
    """The coded history of one instance: what was seen of it, in order."""
    history = await call.instances.history(call.part("id"))
    if history is None:
        raise NotFound("instance", "there is no instance of this id")
    return answer(coded(history))


def coded(history: History) -> dict[str, Json]:
    """An instance with what was seen of it: ids, codes and instants only."""
    standing, facts = history.standing, facts_in_view(history.events)
    return {
        **_listed(standing),
        "version": facts.version or default_version(),
        "execution": _execution(history),
        "standing": standing.custom or None,
        "due": standing.custom.get("due") or _text(facts.due),
        "urgency": facts.urgency,
        "line_of_business": facts.line_of_business,
        "failure": history.failure,
        "steps": [_step(each) for each in seen_in_view(history.events)],
    }


def _listed(standing: Standing) -> dict[str, Json]:
    return {
        "id": standing.id,
        "workflow": standing.name,
        "runtime": standing.runtime,
        "created": _text(standing.created),
        "updated": _text(standing.updated),
    }


def _step(one: Seen) -> Json:
    return {
        "what": one.what.value,
        "step": one.step,
        "at": _text(one.at),
        "aside": one.aside,
        "variables": dict(one.variables),
    }


def _execution(history: History) -> str:
    """What differs when the instance was started anew or went on as new: when it began, as text. Empty before it did.
    (The management API shows no id of the execution.)"""
    return next((str(each["Timestamp"]) for each in history.events if each["EventType"] == "ExecutionStarted"), "")


def _since(asked: Mapping[str, str]) -> datetime | None:
    problems = [Problem(path=f"?{name}", text=f"Use {SINCE}.", code="value") for name in sorted(set(asked) - {SINCE})]
    since = None
    try:
        since = datetime.fromisoformat(asked[SINCE]) if SINCE in asked else None
    except ValueError:
        problems.append(Problem(path=f"?{SINCE}", text="Give an instant as 2026-01-31T12:00:00Z.", code="value"))
    if problems:
        raise Malformed(problems)
    return since and (since if since.tzinfo else since.replace(tzinfo=UTC)).replace(microsecond=0)


def _ended_since(standing: Standing, since: datetime | None) -> bool:
    return since is not None and standing.updated is not None and standing.updated >= since


def _text(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat() if at else None
