"""A web shop: an order is reserved, charged, packed and shipped; what was reserved is put back when a step fails."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import carts  # type: ignore[import-not-found]
import desk  # type: ignore[import-not-found]
from orders import Order, Receipt  # type: ignore[import-not-found]

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
app.register_functions(carts.bp)
app.register_functions(desk.bp)

Turns = Generator[Any, Any, Any]
PATIENCE = timedelta(hours=4)
"""With the packers."""
CLERK_FROM = 100_000
"""Cents: orders above wait for a clerk."""
AGAIN = df.RetryOptions(first_retry_interval_in_milliseconds=10, max_number_of_attempts=2)
ARTICLES = ("lamp", "chair", "rug")

journal: list[str] = []
"""What orders went through: each stage once, however often it was replayed."""
charges: Counter[int] = Counter()
"""Attempts by order number."""


def stock(article: str) -> df.EntityId:
    """The entity that counts an article."""
    return df.EntityId("stock", article)


def note(context: df.DurableOrchestrationContext, stage: str) -> None:
    """Tell customer and journal where an order stands."""
    context.set_custom_status({"stage": stage, "before": (context.custom_status or {}).get("stage")})
    if not context.is_replaying:
        journal.append(f"{context.instance_id} {stage}")


def put_back(context: df.DurableOrchestrationContext, pieces: dict[str, int]) -> None:
    """Undo a reservation."""
    for article, count in pieces.items():
        context.signal_entity(stock(article), "put", count)


@app.orchestration_trigger(context_name="context", input_type=Order)
def fulfil(context: df.DurableOrchestrationContext) -> Turns:
    """One order, from its placing to its shipping."""
    order = context.get_input()
    note(context, "placed")
    if not (yield from reserve(context, order)):
        note(context, "sold out")
        return {"state": "sold out"}
    note(context, "reserved")
    if order.cents > CLERK_FROM:
        yield context.wait_for_external_event("approved")
    try:
        receipt = yield context.call_activity_with_retry(charge, AGAIN, order, expected_type=Receipt)
    except Exception as error:  # the SDK has no narrower one
        put_back(context, order.pieces)
        note(context, "refused")
        return {"state": "refused", "why": str(error)}
    boxes = yield from packed(context, order)
    parcel = yield context.call_sub_orchestrator("ship", boxes, f"{context.instance_id}-parcel", expected_type=dict)
    context.signal_entity(df.EntityId("points", order.customer), "add", order.cents // 100)
    note(context, "shipped")
    return {"state": "shipped", "attempts": receipt.attempt, "parcel": parcel, "invoice": str(context.new_guid())}


def reserve(context: df.DurableOrchestrationContext, order: Order) -> Turns:
    """Take every article from stock, or none; returns which."""
    takes = [context.call_entity(stock(article), "take", count) for article, count in order.pieces.items()]
    taken = dict(zip(order.pieces, (yield context.task_all(takes)), strict=True))
    if all(taken.values()):
        return True
    put_back(context, {article: order.pieces[article] for article, ok in taken.items() if ok})
    return False


def packed(context: df.DurableOrchestrationContext, order: Order) -> Turns:
    """The boxes of an order. Raises TimeoutError when the packers lose patience."""
    packing = context.task_all(
        [context.call_activity("pack", [*piece], expected_type=str) for piece in order.pieces.items()]
    )
    alarm = context.create_timer(context.current_utc_datetime + PATIENCE)
    if (yield context.task_any([packing, alarm])) is alarm:
        raise TimeoutError(f"order {order.number} is not packed")
    alarm.cancel()
    return packing.result


@app.orchestration_trigger(context_name="context")
def ship(context: df.DurableOrchestrationContext) -> Turns:
    """One parcel."""
    boxes = context.get_input()
    number = context.new_uuid()
    yield context.call_activity("hand_over", number)
    return {"number": number, "boxes": boxes, "of": context.parent_instance_id}


@app.activity_trigger(input_name="order")
def charge(order: Order) -> Receipt:
    """Ask the bank, which fails the unlucky once and the broke always."""
    charges[order.number] += 1
    attempt = charges[order.number]
    if order.customer == "broke" or (order.customer == "unlucky" and attempt == 1):
        raise ConnectionError("the bank does not answer")
    return Receipt(order.number, attempt)


@app.activity_trigger(input_name="piece")
def pack(piece: list) -> str:  # type: ignore[type-arg]  # Azure takes no list[...]
    """Pack one article."""
    article, count = piece
    return f"{count} x {article}"


@app.activity_trigger(input_name="parcel", activity="hand_over")
async def give_to_carrier(parcel: str) -> None:
    """Hand a parcel over: an activity with a name of its own, and without a result."""


@app.entity_trigger(context_name="context", entity_name="stock")
def keep_stock(entity: df.DurableEntityContext) -> None:
    """How many pieces of an article there are."""
    count = entity.get_state(lambda: int(os.environ["SHOP_FIRST_STOCK"]))
    if entity.operation_name == "take":
        wanted = entity.get_input()
        entity.set_state(count - wanted if wanted <= count else count)
        entity.set_result(wanted <= count)
    elif entity.operation_name == "put":
        entity.set_state(count + entity.get_input())
    else:
        raise ValueError(f"{entity.entity_name} {entity.entity_key} does not know {entity.operation_name}")


@app.entity_trigger(context_name="context")
def points(entity: df.DurableEntityContext) -> None:
    """What a loyal customer has collected."""
    entity.set_state(entity.get_state(lambda: 0) + entity.get_input())


@app.route(route="orders", methods=["POST"])
@app.durable_client_input(client_name="client")
async def place_order(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Take an order; the answer says where to follow it."""
    order = Order(**req.get_json())
    instance = await client.start_new("fulfil", f"order-{order.number}", order)
    return client.create_check_status_response(req, instance)


@app.route(route="%SHOP_CATALOGUE%/{article:alpha:maxlength(10)}", auth_level=func.AuthLevel.ANONYMOUS)
@app.durable_client_input(client_name="client")
async def show_article(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """How many pieces of an article there are; any method."""
    article = req.route_params["article"]
    if article not in ARTICLES:
        return func.HttpResponse(status_code=404)
    known = await client.read_entity_state(stock(article))
    pieces = known.entity_state if known.entity_exists else int(os.environ["SHOP_FIRST_STOCK"])
    content = {"method": req.method, "article": article, "pieces": pieces}
    return func.HttpResponse(json.dumps(content), mimetype="application/json", headers={"X-Pieces": str(pieces)})


@app.route(route="ops/journal", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
def show_journal(req: func.HttpRequest) -> str:
    """What orders went through."""
    return json.dumps(journal)


@app.timer_trigger(schedule="%SHOP_RESTOCK%", arg_name="timer")
@app.durable_client_input(client_name="client")
async def restock(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Every night five rugs come in."""
    await client.signal_entity(stock("rug"), "put", 5)


@app.route(route="old-checkout")
def old_checkout(req: func.HttpRequest) -> str:
    """Switched off by a setting."""
    return "on"
