"""What waits for people: answers, scans, offers and prices."""

from __future__ import annotations

import os
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import partners  # type: ignore[import-not-found]

bp = df.Blueprint()
Turns = Generator[Any, Any, Any]
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@bp.orchestration_trigger(context_name="context")
def approval(context: df.DurableOrchestrationContext) -> Turns:
    """Wait for the traveller's answer, remind every third day, and give up in the end."""
    answer = context.wait_for_external_event("answer", expected_type=str)
    deadline = context.create_timer(context.current_utc_datetime + int(os.environ["TRAVEL_ANSWER_DAYS"]) * DAY)
    reminders = 0
    while True:
        reminder = context.create_timer(context.current_utc_datetime + 3 * DAY)
        first = yield context.task_any([answer, reminder, deadline])
        if first is not reminder:
            reminder.cancel()
            break
        reminders += 1
        yield context.call_activity("remind", context.instance_id)
    if first is answer:
        deadline.cancel()
    return {"answer": answer.result, "reminders": reminders, "cancelled": deadline.is_cancelled}


@bp.activity_trigger(input_name="trip")
def remind(trip: str) -> None:
    """Remind a traveller."""
    partners.ask("traveller", "answer")


@bp.orchestration_trigger(context_name="context")
def scans(context: df.DurableOrchestrationContext) -> Turns:
    """Two scans are looked at when the office opens; they may have come before."""
    yield context.create_timer(context.current_utc_datetime + HOUR)
    passport = yield context.wait_for_external_event("scan")
    visa = yield context.wait_for_external_event("scan")
    return [passport, visa]


@bp.orchestration_trigger(context_name="context")
def offers(context: df.DurableOrchestrationContext) -> Turns:
    """The house agent has an hour alone; then the first offer of anyone counts."""
    house = context.wait_for_external_event("house")
    hour = context.create_timer(context.current_utc_datetime + HOUR)
    first = yield context.task_any([house, hour])
    if first is house:
        hour.cancel()
    else:
        first = yield context.task_any([house, context.wait_for_external_event("other")])
    ticket = yield context.call_activity(partners.reserve, {"partner": "agent", "trip": context.instance_id})
    return {"offer": first.result, "ticket": ticket}


@bp.orchestration_trigger(context_name="context")
def price_watch(context: df.DurableOrchestrationContext) -> Turns:
    """Take prices until one is low enough, or a day brings none; begun anew after each, to keep the history short."""
    watch = context.get_input()
    price = context.wait_for_external_event("price")
    day = context.create_timer(context.current_utc_datetime + DAY)
    first = yield context.task_any([price, day])
    if first is day:
        return watch | {"bought": False}
    day.cancel()
    prices = [*watch["prices"], int(price.result)]
    yield context.call_activity("note_price", prices[-1])
    context.set_custom_status({"lowest": min(prices)})
    if prices[-1] <= watch["limit"]:
        return watch | {"prices": prices, "bought": True}
    context.continue_as_new(watch | {"prices": prices})
    return None


@bp.activity_trigger(input_name="price")
def note_price(price: int) -> None:
    """Keep a price for the statistics."""
    partners.asked.append(f"statistics {price}")


@bp.orchestration_trigger(context_name="context")
def seat_watch(context: df.DurableOrchestrationContext) -> Turns:
    """Take three seats as they come free, or what came within a day; begun anew right after each."""
    seats = context.get_input()
    seat = context.wait_for_external_event("seat")
    day = context.create_timer(context.current_utc_datetime + DAY)
    if (yield context.task_any([seat, day])) is day:
        return seats
    day.cancel()
    seats = [*seats, seat.result]
    if len(seats) == 3:
        return seats
    context.continue_as_new(seats)
    return None
