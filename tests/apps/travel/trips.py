"""Trips: booked leg by leg with compensation, invoiced, and planned by one version or another."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import partners  # type: ignore[import-not-found]

bp = df.Blueprint()
Turns = Generator[Any, Any, Any]
AGAIN = df.RetryOptions(first_retry_interval_in_milliseconds=60_000, max_number_of_attempts=2)


@bp.orchestration_trigger(context_name="context")
def book_trip(context: df.DurableOrchestrationContext) -> Turns:
    """Reserve every leg; give back what was reserved when a partner refuses twice."""
    tickets: list[str] = []
    for partner in context.get_input():
        leg = {"partner": partner, "trip": context.instance_id}
        instance = f"{context.instance_id}-{partner}"
        try:
            ticket = yield context.call_sub_orchestrator_with_retry(
                reserve_leg, AGAIN, leg, instance, "1.0", expected_type=str
            )
        except Exception:  # the SDK has no narrower one
            for given in reversed(tickets):
                yield context.call_activity(partners.give_back, given)
            return {"refused": partner, "given back": len(tickets)}
        tickets.append(ticket)
        context.set_custom_status({"tickets": len(tickets)})
    return {"tickets": tickets}


@bp.orchestration_trigger(context_name="context")
def reserve_leg(context: df.DurableOrchestrationContext) -> Turns:
    """One leg, by the rules of the version that its trip asked for."""
    ticket = yield context.call_activity(partners.reserve, context.get_input())
    return f"{ticket} by {context.version}"


@bp.orchestration_trigger(context_name="context")
def invoice(context: df.DurableOrchestrationContext) -> Turns:
    """Collect the money; a bank that is closed fails the instance, which an operator rewinds."""
    context.set_custom_status("collecting")
    first = yield context.call_activity(partners.reserve, {"partner": "printer", "trip": context.instance_id})
    paid = yield context.call_sub_orchestrator(collect_money, "bank", f"{context.instance_id}-money")
    return [first, paid]


@bp.orchestration_trigger(context_name="context")
def collect_money(context: df.DurableOrchestrationContext) -> Turns:
    """The failing part of ``invoice``."""
    return (yield context.call_activity(partners.collect, context.get_input()))


@bp.orchestration_trigger(context_name="context")
def plan(context: df.DurableOrchestrationContext) -> Turns:
    """Old instances keep the order that the traveller named; new ones sort. Children get a version of their own."""
    legs = context.get_input()
    if legs is None:
        return context.version
    ordered = legs if context.version == "1.0" else sorted(legs)
    named = yield context.call_sub_orchestrator("plan", version="1.5")
    default = yield context.call_sub_orchestrator("plan")
    return {"version": context.version, "legs": ordered, "children": [named, default]}
