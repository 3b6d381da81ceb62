"""The agents' desk: trips are started, steered and listed over HTTP."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import azure.durable_functions as df
import azure.functions as func

bp = df.Blueprint()


@bp.route(route="trips/{kind:regex(^[a-z_]+$)}", methods=["POST"])
@bp.durable_client_input(client_name="client")
async def start_trip(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Start an orchestrator: ``?id=&version=``, the body is its input."""
    content = req.get_json() if req.get_body() else None
    instance = await client.start_new(
        req.route_params["kind"], req.params.get("id"), content, version=req.params.get("version")
    )
    return client.create_check_status_response(req, instance)


@bp.route(route="trips/{id}/events/{name:alpha}", methods=["POST"])
@bp.durable_client_input(client_name="client")
async def tell_trip(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Raise an event with the body as its content."""
    await client.raise_event(req.route_params["id"], req.route_params["name"], req.get_json())
    return func.HttpResponse(status_code=202)


@bp.route(route="trips/{id}/{verb:regex(^(suspend|resume|terminate|rewind|restart)$)}", methods=["POST"])
@bp.durable_client_input(client_name="client")
async def steer_trip(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """What an operator does; ``?reason=`` says why."""
    instance, reason = req.route_params["id"], req.params.get("reason", "no reason given")
    verbs: dict[str, Callable[[], Awaitable[Any]]] = {
        "suspend": lambda: client.suspend(instance, reason),
        "resume": lambda: client.resume(instance, reason),
        "terminate": lambda: client.terminate(instance, reason),
        "rewind": lambda: client.rewind(instance, reason),
        "restart": lambda: client.restart(instance, restart_with_new_instance_id=False),
    }
    try:
        await verbs[req.route_params["verb"]]()
    except Exception as error:  # the SDK has no narrower one
        return func.HttpResponse(str(error), status_code=409)
    return func.HttpResponse(status_code=202)


@bp.route(route="trips/{id?}", methods=["GET"])
@bp.durable_client_input(client_name="client")
async def show_trips(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """One trip, or all with their states."""
    if "id" in req.route_params:
        content = (await client.get_status(req.route_params["id"])).to_json()
    else:
        content = {status.instance_id: status.runtime_status.name for status in await client.get_status_all()}
    return func.HttpResponse(json.dumps(content), mimetype="application/json")


@bp.route(route="ops/binding", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
@bp.generic_input_binding(arg_name="client", type="durableClient")
def show_binding(req: func.HttpRequest, client: str) -> str:
    """What a client of the SDK is made of, for tools that are no function."""
    return client
