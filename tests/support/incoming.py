"""Events as others send them: the Binary that they name, the record in the log, and their delivery in a world."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import uuid4

from adapters.connections import connections
from adapters.events.base import Record
from adapters.fhir.base import Entry, Fhir
from domain.events.catalog import ATTACHMENT, COVERAGE_CHANGED, DECISION_TAKEN, REQUESTED, EventType
from domain.events.cloud_event import CloudEvent, to_headers, to_value
from domain.pas.adopt import STORED
from tests.support.samples import SAMPLES
from tests.support.world import World, world
from triggers.deliver import deliver
from triggers.event import Outcome

PORTAL, CLEARING = "urn:example:source:lakeside-portal", "urn:example:source:northern-clearing-house"
REVIEWER, MEMBERSHIP = "urn:example:source:summit-review", "urn:example:source:membership"
SOURCES: Final = json.loads((SAMPLES / "event-sources.json").read_text())
LAKESIDE: Final = "lakeside-clinic"
KINDS: Final = sorted(STORED | {"AuditEvent", "Binary", "Bundle", "ClaimResponse", "Communication", "Task"})


@asynccontextmanager
async def listening(**settings: Any) -> AsyncIterator[World]:
    """A world that trusts the sources of the samples."""
    async with world(**{"event_sources": SOURCES, **settings}) as running:
        yield running


async def put_binary(
    fhir: Fhir, body: object, owner: str, *, kind: str = "application/fhir+json", **changes: Any
) -> str:
    """``Binary/<id>`` that holds ``body`` (bytes, or what is made JSON of) for ``owner``; ``changes`` are elements."""
    given = body if isinstance(body, bytes) else json.dumps(body).encode()
    binary = {
        "resourceType": "Binary",
        "id": str(uuid4()),
        "contentType": kind,
        "securityContext": {"reference": owner},
        "data": base64.b64encode(given).decode(),
        **changes,
    }
    kept = {key: value for key, value in binary.items() if value is not None}
    await fhir.transaction([Entry("PUT", f"Binary/{binary['id']}", kept)])
    return f"Binary/{binary['id']}"


def put(app: World, event: EventType, source: str, data: object, *, key: str = "k", id_: str | None = None) -> Record:
    """A record of ``event`` in the log."""
    given = data if isinstance(data, dict) else {}
    said = CloudEvent(id=id_ or str(uuid4()), source=source, type=event.name, dataschema=event.schema, data=given)
    return app.events.append(event.topic, key.encode(), to_value(said), to_headers(said))


async def request_record(
    app: World, bundle: object, *, source: str = PORTAL, organization: str = LAKESIDE, **changes: Any
) -> Record:
    """A request in the log, with its Bundle on the FHIR server."""
    binary = await put_binary(app.fhir, bundle, f"Organization/{organization}", **changes)
    return put(app, REQUESTED, source, {"organization": organization, "request": binary})


async def attachment_record(
    app: World, parameters: object, *, source: str = PORTAL, organization: str = LAKESIDE, **changes: Any
) -> Record:
    """An attachment in the log, with its Parameters on the FHIR server."""
    binary = await put_binary(app.fhir, parameters, f"Organization/{organization}", **changes)
    return put(app, ATTACHMENT, source, {"organization": organization, "attachment": binary})


async def decision_record(app: World, task: str, decision: object, *, source: str = REVIEWER, **changes: Any) -> Record:
    """A decision on the review ``task`` (its id) in the log, with what it says on the FHIR server."""
    binary = await put_binary(app.fhir, decision, f"Task/{task}", **changes)
    return put(app, DECISION_TAKEN, source, {"task": f"Task/{task}", "decision": binary})


def coverage_record(app: World, coverage: str, *, source: str = MEMBERSHIP) -> Record:
    """A changed Coverage (its id) in the log."""
    return put(app, COVERAGE_CHANGED, source, {"coverage": f"Coverage/{coverage}"})


async def come(app: World, record: Record, *, dry: bool = False) -> Outcome:
    """The record as a consumer gets it, without what a consumer does about a refusal."""
    outcome = await deliver(record, connections(), app.instances, dry=dry)
    await app.settle()
    return outcome


async def everything(app: World) -> set[str]:
    """All that the FHIR server holds, with versions."""
    found = [each for kind in KINDS for each in await app.all(kind)]
    return {f"{each['resourceType']}/{each['id']}/{each['meta']['versionId']}" for each in found}
