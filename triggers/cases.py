"""Cases: ``GET /cases``, ``POST /cases/_search`` (by member), one case, parked cases and their resume."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import azure.durable_functions as df
import azure.functions as func

from adapters.fhir.members import matched_patient
from adapters.fhir.unit import UnitOfWork, unit
from domain import fhir
from domain.cases import RECORD_CODES, CaseRecord, CaseState, case_task_id, read_case, rules_of, timeline
from domain.codes import CASE_STATE, TASK_CODE, TRACKING_NUMBER
from domain.errors import Conflict, Forbidden, Malformed, NotFound, Problem, Unavailable
from domain.json import Resource
from domain.principal import Role
from triggers.door import Call, answer, door
from triggers.instances import RUNNING, Standing
from triggers.listing import TASK_STATUS, Filters, Listing, listing

LOG: Final = logging.getLogger("workflow.triggers")
STAFF: Final = (Role.REVIEWER, Role.MEDICAL_DIRECTOR, Role.CARE_MANAGER, Role.OPERATOR, Role.AUDITOR)
SORTS: Final = {"due": "due", "received": "authored-on", "changed": "_lastUpdated"}
PARKED: Final = "parked"
"""A value of ``state`` that stands alone: cases that wait for an operator."""
FILTERS: Final[Filters] = {
    "status": TASK_STATUS,
    "state": tuple(CaseState),
    "tracking": (),
    "provider": (),
    "remaining": (),
}
blueprint = df.Blueprint()


@door(blueprint, "cases", "GET", roles=(Role.SUBMITTER, *STAFF))
async def list_cases(call: Call) -> func.HttpResponse:
    """Cases by ``tracking`` number, ``provider`` (organization), ``status``, ``state`` and ``remaining`` (hours of the
    clock that are left at most). A submitter sees its own organization's only."""
    parameters = dict(call.request.params)
    if parameters.get("state") == PARKED:
        del parameters["state"]
        _asked(call, "cases", parameters)
        return answer(await _parked(call))
    asked = _asked(call, "cases", parameters)
    async with _reading(call, "search", "list-cases") as work:
        return answer(await _find(call, work, asked, {}))


@door(blueprint, "cases/_search", "POST", roles=(Role.SUBMITTER, *STAFF))
async def search_cases(call: Call) -> func.HttpResponse:
    """As ``GET /cases`` and by ``member`` id, which may not stand in a URL. The body is a JSON object."""
    body = _object(call)
    member = body.pop("member", None)
    if not isinstance(member, str | None):
        raise Malformed([Problem(path="/member", text="Give the member id as a string.", code="value")])
    asked = _asked(call, "cases/_search", {k: str(v) for k, v in body.items()})
    async with _reading(call, "search", "search-cases") as work:
        if member is None:
            return answer(await _find(call, work, asked, {}))
        patient = await matched_patient(work, member)
        if patient is None:
            return answer({"items": [], "total": 0, "next": None})
        return answer(await _find(call, work, asked, {"patient": patient}))


@door(blueprint, "cases/{id}", "GET", roles=(Role.SUBMITTER, *STAFF))
async def read_one(call: Call) -> func.HttpResponse:
    """A case: its record, where it stands and the way it went."""
    async with _reading(call, call.part("id"), "read-case") as work:
        task, record = await _case(call, work)
    standing = await call.instances.find(record.id)
    way = [{"step": step, "at": at.isoformat()} for step, at in timeline(task)]
    return answer({**shown(task), "standing": _standing(standing), "timeline": way})


@door(blueprint, "cases/{id}/resume", "POST", roles=(Role.OPERATOR,))
async def resume_case(call: Call) -> func.HttpResponse:
    """Let a parked case go on. Audited first; where the FHIR server is what was away, the log says who resumed it."""
    standing = await call.instances.find(call.part("id"))
    if standing is None:
        raise NotFound("case", "there is no instance of this id")
    if not standing.parked:
        raise Conflict("not-parked", "only a parked case can be resumed")
    work = unit(call.to.fhir, case=standing.id, step="resume", recorded=call.to.now(), actor=call.who.id,
                role=Role.OPERATOR, accessed=(f"Task/{case_task_id(standing.id)}",))  # fmt: skip
    try:
        await work.commit()
    except Unavailable:
        LOG.warning("case %s: resumed by %s, without an AuditEvent", standing.id, call.who.id)
    await call.instances.resume(standing)
    return answer({"id": standing.id, "resumed": standing.step}, status=202)


def shown(task: Resource) -> dict[str, Any]:
    """A case as the API shows it: codes, references and instants."""
    record = read_case(task)
    return {
        "id": record.id,
        "kind": fhir.code(task["code"], TASK_CODE),
        "tracking": record.tracking_number,
        "state": record.state,
        "status": task["status"],
        "submitter": record.submitter,
        "urgency": record.urgency,
        "lineOfBusiness": record.line_of_business,
        "received": record.received_at.isoformat(),
        "due": record.due.isoformat() if record.due else None,
        "appealUntil": record.appeal_until.isoformat() if record.appeal_until else None,
        "rules": rules_of(task),
        "claim": record.claim,
        "claimResponse": record.response,
    }


def _asked(call: Call, route: str, parameters: Mapping[str, str]) -> Listing:
    whose = "staff" if _staff(call) else f"Organization/{call.organization}"
    return listing(parameters, scope=f"{route} {whose}", filters=FILTERS, sorts=SORTS, sort="due")


def _reading(call: Call, case: str, step: str) -> UnitOfWork:
    """What the caller reads, audited."""
    role = next(iter(sorted(call.who.roles)))
    return unit(
        call.to.fhir, case=case, step=step, recorded=call.to.now(), actor=call.who.id, role=role, audit_reads=True
    )


async def _find(call: Call, work: UnitOfWork, asked: Listing, query: dict[str, str]) -> dict[str, Any]:
    wanted: dict[str, str | list[str]] = {"code": RECORD_CODES, **query}
    chosen = asked.filters
    if "status" in chosen:
        wanted["status"] = chosen["status"]
    if "state" in chosen:
        wanted["business-status"] = ",".join(f"{CASE_STATE}|{state}" for state in chosen["state"].split(","))
    if "tracking" in chosen:
        wanted["identifier"] = fhir.token(TRACKING_NUMBER, chosen["tracking"])
    if "remaining" in chosen:
        wanted["due"] = f"le{_latest(call, chosen['remaining'])}"
    organization = _organization(call, chosen.get("provider"))
    if organization:
        wanted["requester"] = f"Organization/{organization}"
    return await asked.page(work, "Task", wanted, shown)


async def _case(call: Call, work: UnitOfWork) -> tuple[Resource, CaseRecord]:
    """The case of the route; another organization's is not found."""
    task = await work.read(f"Task/{case_task_id(call.part('id'))}")
    record = read_case(task)
    if not _staff(call) and record.submitter != call.who.organization:
        raise NotFound("resource", "there is no case of this id")
    return task, record


async def _parked(call: Call) -> dict[str, Any]:
    """Cases that wait for an operator, from the task hub: FHIR may be what does not answer."""
    call.who.require(Role.OPERATOR, Role.AUDITOR)
    standings = await call.instances.list(states=RUNNING | {"Failed"})
    parked = [{"id": each.id, **_standing(each)} for each in standings if each.parked]
    return {"items": parked, "total": len(parked), "next": None}


def _standing(standing: Standing | None) -> dict[str, Any]:
    if standing is None:
        return {"runtime": None}
    return {
        "runtime": standing.runtime,
        "step": standing.step,
        "since": standing.custom.get("since"),
        "waitingFor": standing.waiting_for,
        "due": standing.custom.get("due"),
        "task": standing.custom.get("task"),
        "parked": standing.parked,
    }


def _organization(call: Call, provider: str | None) -> str | None:
    """The organization to filter by: a submitter's own, whatever it asks for."""
    if _staff(call):
        return provider
    if provider not in (None, call.who.organization):
        raise Forbidden("organization", "you see the cases of your own organization")
    return call.organization


def _staff(call: Call) -> bool:
    return bool(call.who.roles.intersection(STAFF))


def _latest(call: Call, hours: str) -> str:
    try:
        return (call.to.now() + timedelta(hours=float(hours))).isoformat()
    except (ValueError, OverflowError):
        raise Malformed([Problem(path="?remaining", text="Give a number of hours.", code="value")]) from None


def _object(call: Call) -> dict[str, Any]:
    body = call.json if call.body else {}
    if not isinstance(body, dict):
        raise Malformed([Problem(path="$", text="Send a JSON object.", code="structure")])
    return body
