"""The partners of the agency: what it asks of them, and a stand-in for each of them."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import azure.functions as func

bp = df.Blueprint()
closed: set[str] = set()
"""Partners that refuse everything today."""
asked: list[str] = []
"""What partners were asked, in order."""


def ask(partner: str, what: str) -> None:
    """Ask a partner. Raises ConnectionError when it is closed."""
    asked.append(f"{partner} {what}")
    if partner in closed:
        raise ConnectionError(f"{partner} is closed")


@bp.activity_trigger(input_name="leg")
def reserve(leg: dict) -> str:  # type: ignore[type-arg]  # Azure takes no dict[...]
    """Reserve one leg of a trip; the result is its ticket."""
    ask(leg["partner"], "reserve")
    return f"{leg['partner']} for {leg['trip']}"


@bp.activity_trigger(input_name="ticket")
def give_back(ticket: str) -> None:
    """Undo ``reserve``."""
    ask(ticket.split()[0], "give back")


@bp.activity_trigger(input_name="partner")
def collect(partner: str) -> str:
    """Collect money."""
    ask(partner, "collect")
    return "paid"


@bp.orchestration_trigger(context_name="context")
def ask_partner(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Ask over HTTP: with a document, with a text as it is, or in the name of this app's identity."""
    wanted = context.get_input()
    headers = {"X-Trip": context.instance_id}
    if wanted["as"] == "identity":
        source = df.ManagedIdentityTokenSource("https://partners.example")
        answer = yield context.call_http("GET", wanted["url"], headers=headers, token_source=source)
    else:
        raw = wanted["as"] == "text"
        answer = yield context.call_http("POST", wanted["url"], wanted["content"], headers, is_raw_str=raw)
    return {"status": answer["statusCode"], "content": answer["content"]}


@bp.route(route="partners/{name:alpha}", auth_level=func.AuthLevel.ANONYMOUS)
def partner(req: func.HttpRequest) -> func.HttpResponse:
    """A partner's own service; ``slow`` answers later, as its ``Location`` says."""
    content = {"method": req.method, "body": req.get_body().decode(), "trip": req.headers.get("x-trip")}
    if req.route_params["name"] == "slow" and req.method == "POST":
        return func.HttpResponse("later", status_code=202, headers={"Location": req.url, "Retry-After": "60"})
    return func.HttpResponse(json.dumps(content), mimetype="application/json")


@bp.route(route="partners/{name:alpha}/open", methods=["PUT", "DELETE"], auth_level=func.AuthLevel.ADMIN)
def open_or_close(req: func.HttpRequest) -> func.HttpResponse:
    """Whether a partner takes anything."""
    (closed.discard if req.method == "PUT" else closed.add)(req.route_params["name"])
    return func.HttpResponse(status_code=204)


@bp.route(route="ops/asked", methods=["GET", "DELETE"], auth_level=func.AuthLevel.ADMIN)
def show_asked(req: func.HttpRequest) -> str:
    """What partners were asked; DELETE forgets it."""
    text = json.dumps(asked)
    if req.method == "DELETE":
        asked.clear()
    return text
