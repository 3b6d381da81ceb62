"""The service desk: orders are looked up, cancelled and forgotten."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import azure.functions as func

bp = df.Blueprint()
OPENING = datetime(2020, 1, 1, tzinfo=UTC)


def answer(content: Any, status: int = 200) -> func.HttpResponse:
    """A JSON response."""
    return func.HttpResponse(json.dumps(content), status_code=status, mimetype="application/json")


def instance_of(req: func.HttpRequest) -> str:
    """The instance that handles the order of a route."""
    return f"order-{req.route_params['number']}"


@bp.route(route="orders/{number:int:min(1)}", methods=["GET"])
@bp.durable_client_input(client_name="client")
async def show_order(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """An order with what has happened to it."""
    status = await client.get_status(instance_of(req), show_history=True, show_history_output=True, show_input=True)
    if not status:
        return func.HttpResponse(status_code=404)
    happened = [event["EventType"] for event in status.historyEvents]
    return answer(status.to_json() | {"happened": happened})


@bp.route(route="orders", methods=["GET"])
@bp.durable_client_input(client_name="client")
async def list_orders(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Orders of a status (``?status=Completed``), or everything that ever ran."""
    if "status" in req.params:
        wanted = [df.OrchestrationRuntimeStatus(word) for word in req.params["status"].split(",")]
        found = await client.get_status_by(OPENING, datetime.now(UTC), wanted, "order-")
    else:
        found = await client.get_status_all()
    return answer(sorted(status.instance_id for status in found))


@bp.route(route="orders/{number:int:min(1)}", methods=["DELETE"])
@bp.durable_client_input(client_name="client")
async def drop_order(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Cancel an order that is open; forget one that has ended."""
    status = await client.get_status(instance_of(req))
    if status.runtime_status in (df.OrchestrationRuntimeStatus.Running, df.OrchestrationRuntimeStatus.Pending):
        await client.terminate(instance_of(req), "the customer called")
        return answer({"cancelled": True}, 202)
    gone = await client.purge_instance_history(instance_of(req))
    return answer({"forgotten": gone.instances_deleted})


@bp.route(route="orders/{number:int:min(1)}/approve", methods=["POST"])
@bp.durable_client_input(client_name="client")
async def approve_order(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """A clerk lets a large order go on."""
    await client.raise_event(instance_of(req), "approved", {"by": "clerk"})
    return func.HttpResponse(status_code=202)


@bp.route(route="orders", methods=["DELETE"])
@bp.durable_client_input(client_name="client")
async def forget_orders(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Forget all orders that ended in a status."""
    wanted = [df.OrchestrationRuntimeStatus(req.params["status"])]
    gone = await client.purge_instance_history_by(OPENING, datetime.now(UTC), wanted)
    return answer({"forgotten": gone.instances_deleted})


@bp.route(route="ops/links/{number:int}", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
@bp.durable_client_input(client_name="client")
async def show_links(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Where an order is managed, as the host sees itself and as the caller sees it."""
    own = client.create_http_management_payload(instance_of(req))
    seen = client.get_client_response_links(req, instance_of(req))
    return answer({"own": own, "seen": seen})


@bp.route(route="ops/binding", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
@bp.generic_input_binding(arg_name="client", type="durableClient")
def show_binding(req: func.HttpRequest, client: str) -> str:
    """What a client of the SDK is made of, for tools that are no function."""
    return client
