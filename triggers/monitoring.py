"""``GET /processes``: how the workflows fare. Counts, times, deadlines missed, cases that left their model, event logs.

Ids, codes and instants only, so nothing is audited here (see ``triggers/processes.py``). Each door first reads what
changed, for two seconds at most; ``behind`` says how many cases it did not reach.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Final

import azure.durable_functions as df
import azure.functions as func

from adapters.analytics.base import MOST, Wanted
from adapters.analytics.models import model_of
from domain.errors import Malformed, NotFound, Problem
from domain.facts import LineOfBusiness
from domain.json import Json
from domain.principal import Role
from domain.process import xes
from domain.process.statistics import counts, statistics
from domain.process.timeline import Timeline
from triggers.door import Call, answer, door
from triggers.refresh import refresh, timeline_of

READERS: Final = (Role.OPERATOR, Role.AUDITOR)
FILTERS: Final = ("since", "line-of-business")
LARGEST, USUAL = 200, 50
_HELP: Final = {
    "since": "Give an instant as 2026-01-31T12:00:00Z.",
    "line-of-business": f"Use one of {', '.join(LineOfBusiness)}.",
    "count": f"Ask for 1 to {LARGEST} items.",
    "page": "Give what the answer before gave as next.",
}
blueprint = df.Blueprint()


@door(blueprint, "processes", "GET", roles=READERS)
async def list_processes(call: Call) -> func.HttpResponse:
    """Every workflow and version with its cases: how many there are, go on, ended, wait for an operator, are late or
    left their model."""
    _asked(call, ())
    behind = await refresh(call.to, call.instances)
    items = []
    for workflow, version in await call.to.analytics.versions():
        found = await call.to.analytics.find(Wanted(workflow, version))
        counted = await asyncio.to_thread(counts, found, call.to.now())
        items.append({"workflow": workflow, "version": version, **counted.model_dump()})
    return answer({"items": items, "behind": behind})


@door(blueprint, "processes/{id}/versions/{version}/statistics", "GET", roles=READERS)
async def read_statistics(call: Call) -> func.HttpResponse:
    """How often, how long, how often again, what came too late: of cases begun ``since`` then, of one
    ``line-of-business``."""
    wanted = _wanted(call, _asked(call, FILTERS))
    behind, found = await _find(call, wanted)
    shown = await asyncio.to_thread(statistics, found, call.to.now())  # others are served meanwhile
    head = {"workflow": wanted.workflow, "version": wanted.version}
    return answer({**head, **shown.model_dump(mode="json"), "behind": behind})


@door(blueprint, "processes/{id}/versions/{version}/deviations", "GET", roles=READERS)
async def list_deviations(call: Call) -> func.HttpResponse:
    """Cases that went where their model has no way, in the order of their begin, and the first place of each."""
    asked = _asked(call, (*FILTERS, "count", "page"))
    behind, found = await _find(call, _wanted(call, asked, deviating=True))
    items, following = _page(found, asked)
    return answer(
        {"items": [_deviation(each) for each in items], "total": len(found), "next": following, "behind": behind}
    )


@door(blueprint, "processes/{id}/versions/{version}/log.xes", "GET", roles=READERS)
async def export_log(call: Call) -> func.HttpResponse:
    """The event log of the cases (XES, IEEE 1849-2016), for process mining. ``behind`` is the header ``x-behind``."""
    wanted = _wanted(call, _asked(call, FILTERS))
    behind, found = await _find(call, wanted)
    text = await asyncio.to_thread(lambda: "".join(xes.log(f"{wanted.workflow} {wanted.version}", found)))
    disposition = f'attachment; filename="{wanted.workflow}-{wanted.version}.xes"'
    headers = {"Cache-Control": "no-store", "Content-Disposition": disposition, "x-behind": str(behind)}
    return func.HttpResponse(text, mimetype="application/xml", headers=headers)


@door(blueprint, "processes/instances/{id}/timeline", "GET", roles=READERS)
async def read_timeline(call: Call) -> func.HttpResponse:
    """The way of one case as stretches of time, as the task hub has it now."""
    history = await call.instances.history(call.part("id"))
    if history is None:
        raise NotFound("instance", "there is no instance of this id")
    case = timeline_of(history)
    return answer({**case.model_dump(mode="json"), "breached": case.breached(call.to.now())})


async def _find(call: Call, wanted: Wanted) -> tuple[int, Sequence[Timeline]]:
    """How many cases were not reached, and those that are wanted. Raises ``NotFound('process')``."""
    behind = await refresh(call.to, call.instances)
    found = await call.to.analytics.find(wanted)
    if not found and model_of(wanted.workflow, wanted.version) is None:
        raise NotFound("process", "there is no workflow of this name and version")
    return behind, found


def _asked(call: Call, known: Sequence[str]) -> dict[str, str]:
    """The query. Raises ``Malformed`` with every parameter that is unknown or wrong."""
    asked: Mapping[str, str] = call.request.params
    text = f"Use one of {', '.join(sorted(known))}." if known else "This list takes no parameters."
    problems = [Problem(path=f"?{name}", text=text, code="value") for name in sorted(set(asked) - set(known))]
    problems += [
        Problem(path=f"?{name}", text=_HELP[name], code="value")
        for name in known
        if name in asked and not _is_good(name, asked[name])
    ]
    if problems:
        raise Malformed(problems)
    return dict(asked)


def _is_good(name: str, value: str) -> bool:
    match name:
        case "since":
            return _instant(value) is not None
        case "line-of-business":
            return value in list(LineOfBusiness)
        case "count":
            return value.isascii() and value.isdecimal() and len(value) < 5 and 1 <= int(value) <= LARGEST
        case _:
            return value.isascii() and value.isdecimal() and len(value) < 7


def _wanted(call: Call, asked: Mapping[str, str], *, deviating: bool = False) -> Wanted:
    since = _instant(asked["since"]) if "since" in asked else None
    return Wanted(call.part("id"), call.part("version"), since, asked.get("line-of-business"), deviating)


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _page(found: Sequence[Timeline], asked: Mapping[str, str]) -> tuple[list[Timeline], str | None]:
    begin, count = int(asked.get("page", "0")), int(asked.get("count", str(USUAL)))
    end = begin + count
    return list(islice(found, begin, end)), str(end) if end < min(len(found), MOST) else None


def _deviation(case: Timeline) -> Json:
    return {
        "id": case.id,
        "runtime": case.runtime,
        "created": case.created.isoformat(),
        "updated": case.updated.isoformat(),
        "deviation": case.deviation,
    }
