"""Carts: an entity made of a class, its routes, and the orchestrator that buys what is in one."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from orders import Order  # type: ignore[import-not-found]

bp = df.Blueprint()
CENTS_A_PIECE = 250


class Cart:
    """One customer's cart. Each public method but the last three is an operation."""

    def __init__(self, pieces: dict[str, int] | None = None) -> None:
        self.pieces = pieces or {}

    def add(self, article: str) -> int:
        """One piece more; returns how many there are."""
        self.pieces[article] = self.pieces.get(article, 0) + 1
        return self.pieces[article]

    def contents(self, _: None) -> dict[str, int]:
        """Pieces by article."""
        return self.pieces

    def to_json(self) -> dict[str, int]:
        """Plain JSON, for the SDK."""
        return self.pieces

    @classmethod
    def from_json(cls, content: dict[str, int]) -> Cart:
        """Inverse of ``to_json``."""
        return cls(content)

    @classmethod
    def serve(cls, entity: df.DurableEntityContext) -> None:
        """The entity function."""
        if entity.operation_name in ("clear", "delete"):
            entity.destruct_on_exit()
            return
        cart = entity.get_state(cls, expected_type=cls)
        result = getattr(cart, entity.operation_name)(entity.get_input())
        entity.set_state(cart)
        entity.set_result(result)


bp.function_name("Cart")(bp.entity_trigger(context_name="context", entity_name="Cart")(Cart.serve))


@bp.orchestration_trigger(context_name="context")
def checkout(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Order what is in a cart, and empty it if that was shipped."""
    wanted = context.get_input(expected_type=dict)
    cart = df.EntityId("Cart", wanted["owner"])
    pieces = yield context.call_entity(cart, "contents", expected_type=dict)
    order = Order(wanted["number"], wanted["owner"], pieces, CENTS_A_PIECE * sum(pieces.values()))
    outcome = yield context.call_sub_orchestrator("fulfil", order, f"order-{order.number}")
    if outcome["state"] == "shipped":
        yield context.call_entity(cart, "clear")
    return outcome


@bp.route(route="carts/{owner:length(2,20)}/{article:alpha}", methods=["PUT"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
async def put_into_cart(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Add a piece."""
    cart = df.EntityId("Cart", req.route_params["owner"])
    await client.signal_entity(cart, "add", req.route_params["article"])
    return func.HttpResponse(status_code=202)


@bp.route(route="carts/{owner:length(2,20)}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
@bp.durable_client_input(client_name="client")
async def show_cart(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """What is in a cart."""
    cart = await client.read_entity_state(df.EntityId("Cart", req.route_params["owner"]))
    if not cart.entity_exists:
        return func.HttpResponse(status_code=404)
    return func.HttpResponse(json.dumps(cart.entity_state["__data__"]), mimetype="application/json")


@bp.route(
    route="carts/{owner:length(2,20)}/checkout/{number:int:min(1)}",
    methods=["POST"],
    auth_level=func.AuthLevel.ANONYMOUS,
)
@bp.durable_client_input(client_name="client")
async def buy_cart(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """Order what is in a cart, and wait a while for the outcome."""
    wanted = {"owner": req.route_params["owner"], "number": int(req.route_params["number"])}
    instance = await client.start_new("checkout", f"checkout-{wanted['number']}", wanted)
    return await client.wait_for_completion_or_create_check_status_response(req, instance, 20_000, 20)
