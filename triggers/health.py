"""``GET /health/ready``: whether each system that the engine talks to answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Final

import azure.durable_functions as df
import azure.functions as func

from adapters.connections import connections
from domain.errors import WorkflowError

READY: Final = "ready"
NEEDED: Final = ("fhir", "rules")
"""Without these nothing is decided. Without the event log requests are taken by HTTP, and cases go on."""
blueprint = df.Blueprint()


@blueprint.route(route="health/ready", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def ready(req: func.HttpRequest) -> func.HttpResponse:
    """200 when all that are needed answer, else 503; the body names each. Needs no sign-in and tells nothing else."""
    to = connections()
    checks = {"fhir": to.fhir.ready, "rules": to.rules.ready, "events": to.events.ready}
    states = dict(zip(checks, await asyncio.gather(*map(_state, checks.values())), strict=True))
    status = 200 if all(states[name] == READY for name in NEEDED) else 503
    return func.HttpResponse(json.dumps(states), status_code=status, mimetype="application/json")


async def _state(check: Callable[[], Awaitable[None]]) -> str:
    try:
        await check()
    except WorkflowError:
        return "unavailable"
    return READY
