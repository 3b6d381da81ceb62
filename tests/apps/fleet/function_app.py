"""A fleet of vehicles: they are driven, inspected every Monday, serviced every quarter and dispatched."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from vehicles import Vehicle  # type: ignore[import-not-found]

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

Turns = Generator[Any, Any, Any]
QUARTER = timedelta(days=91)
SHIFT = timedelta(hours=8)
AGAIN = df.RetryOptions(first_retry_interval_in_milliseconds=3_600_000, max_number_of_attempts=3)
GARAGE = df.EntityId("garage", "main")
REGISTER = df.EntityId("register", "main")


failures: dict[str, int] = {}
"""Of the odometer, by inspection."""


def vehicle(plate: str) -> df.EntityId:
    """The entity of a vehicle."""
    return df.EntityId("vehicle", plate)


# Entities


@app.entity_trigger(context_name="context", entity_name="vehicle")
def keep_vehicle(entity: df.DurableEntityContext) -> None:
    """The operations are the methods of ``Vehicle``; ``delete`` forgets it."""
    if entity.operation_name == "delete":
        entity.destruct_on_exit()
        return
    known = entity.get_state(Vehicle, expected_type=Vehicle)
    result = getattr(known, entity.operation_name)(entity.get_input())
    entity.set_state(known)
    entity.set_result(result)


@app.entity_trigger(context_name="context")
def garage(entity: df.DurableEntityContext) -> None:
    """Who waits for the mechanics, in order of arrival."""
    queue = entity.get_state(lambda: [])
    if entity.operation_name == "book":
        entity.set_state([*queue, entity.get_input(expected_type=str)])
    elif entity.operation_name == "queue":
        fresh = entity.is_newly_constructed
        entity.set_result({"name": entity.entity_name, "key": entity.entity_key, "queue": queue, "fresh": fresh})


@app.entity_trigger(context_name="context")
def register(entity: df.DurableEntityContext) -> None:
    """The plates of the fleet."""
    entity.set_state(sorted({*entity.get_state(list), entity.get_input()}))


# Orchestrations


@app.orchestration_trigger(context_name="context")
def inspect_fleet(context: df.DurableOrchestrationContext) -> Turns:
    """Inspect all vehicles side by side; returns who must be serviced."""
    inspections = [
        context.call_sub_orchestrator("inspect_one", plate, f"{context.instance_id}-{plate}")
        for plate in context.get_input()
    ]
    plates = yield context.task_all(inspections)
    waiting = yield context.call_entity(GARAGE, "queue")
    logging.info("%s: %s after %d events", type(context.function_context).__name__, GARAGE, len(context.histories))
    return {"due": [plate for plate in plates if plate], "garage": waiting}


@app.orchestration_trigger(context_name="context")
def inspect_one(context: df.DurableOrchestrationContext) -> Turns:
    """Book the garage for a vehicle that has run far enough; an odometer may take several tries."""
    plate = context.get_input()
    known = yield context.call_entity(vehicle(plate), "show")
    worn = yield context.call_activity_with_retry("measure_wear", AGAIN, [context.instance_id, plate, known])
    if not worn:
        return None
    context.signal_entity(GARAGE, "book", plate)
    return plate


@app.activity_trigger(input_name="known")
def measure_wear(known: list) -> bool:  # type: ignore[type-arg]  # Azure takes no list[...]
    """Whether a vehicle must be serviced. One whose plate begins with Z is read at the third try only."""
    inspection, plate, state = known
    if plate.startswith("Z") and failures.setdefault(inspection, 0) < 2:
        failures[inspection] += 1
        raise OSError("the odometer cannot be read")
    return bool(state["km"] - state["serviced_at"] >= int(os.environ["FLEET_SERVICE_KM"]))


@app.orchestration_trigger(context_name="context")
def maintenance(context: df.DurableOrchestrationContext) -> Turns:
    """Service a vehicle every quarter, for as many quarters as are left; each is an execution of its own."""
    job = context.get_input()
    yield context.create_timer(context.current_utc_datetime + QUARTER)
    since = yield context.call_entity(vehicle(job["plate"]), "service")
    done = [*job["done"], since]
    if len(done) < job["quarters"]:
        context.continue_as_new(job | {"done": done})
    if context.will_continue_as_new:
        return None
    return done


@app.orchestration_trigger(context_name="context")
def dispatch(context: df.DurableOrchestrationContext) -> Turns:
    """Leave when loaded and fuelled, unless the tour is called off or the shift ends first."""
    ready = context.task_all([context.wait_for_external_event("loaded"), context.wait_for_external_event("fuelled")])
    shift = context.create_timer(context.current_utc_datetime + SHIFT)
    off = context.task_any([context.wait_for_external_event("off"), shift])
    first = yield context.task_any([ready, off])
    if first is ready:
        shift.cancel()
        return (yield from drive(context))
    if off.result is shift:
        return "shift over"
    shift.cancel()
    return "called off"


def drive(context: df.DurableOrchestrationContext) -> Turns:
    """Drive there and back, which a generator of its own asks for."""
    tour = context.get_input()
    try:
        for km in tour["km"]:
            yield context.call_entity(vehicle(tour["plate"]), "drive", km)
    except Exception as error:  # the SDK has no narrower one
        return f"stopped: {error}"
    return "driven"


# Triggers


@app.timer_trigger(schedule="%FLEET_INSPECTION%", arg_name="timer")
@app.durable_client_input(client_name="client")
async def weekly(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Inspect every vehicle of the register, unless the last inspection still runs."""
    last = await client.get_status("weekly")
    if last and last.runtime_status is df.OrchestrationRuntimeStatus.Running:
        return
    await client.purge_instance_history("weekly")
    register = await client.read_entity_state(REGISTER)
    await client.start_new("inspect_fleet", "weekly", register.entity_state or [])


@app.route(route="vehicles/{plate:regex(^[A-Z]{{2}}[0-9]{{3}}$)}", methods=["PUT"])
@app.durable_client_input(client_name="client")
async def register_vehicle(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """A vehicle more."""
    await client.signal_entity(REGISTER, "add", req.route_params["plate"])
    return func.HttpResponse(status_code=202)


@app.route(route="vehicles/{plate:length(5)}/{km:int:range(-999999,999999)}", methods=["PATCH"])
@app.durable_client_input(client_name="client")
async def drive_vehicle(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """A vehicle was driven."""
    await client.signal_entity(vehicle(req.route_params["plate"]), "drive", int(req.route_params["km"]))
    return func.HttpResponse(status_code=202)


@app.route(route="vehicles/{plate:length(5)}", methods=["GET", "HEAD"])
@app.durable_client_input(client_name="client", task_hub="FleetHub", connection_name="Storage")
async def show_vehicle(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """What is known of a vehicle."""
    known = await client.read_entity_state(vehicle(req.route_params["plate"]), "FleetHub", "Storage")
    if not known.entity_exists:
        return func.HttpResponse(status_code=404)
    return func.HttpResponse(json.dumps(known.entity_state["__data__"]), mimetype="application/json")


@app.route(route="vehicles/{plate:length(5)}/{job:alpha}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start_job(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """One maintenance or dispatch a vehicle at a time."""
    plate, job = req.route_params["plate"], req.route_params["job"]
    instance = f"{job}-{plate}"
    if (await client.get_status(instance)).runtime_status is df.OrchestrationRuntimeStatus.Running:
        return func.HttpResponse(f"{instance} goes on", status_code=409)
    await client.start_new(job, instance, req.get_json() | {"plate": plate})
    return client.create_check_status_response(req, instance)


@app.route(route="tyres")
def tyre_change(req: func.HttpRequest) -> str:
    """Switched off by a setting, as it is written on Linux."""
    return "on"


@app.route(route="ops/binding", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
@app.generic_input_binding(arg_name="client", type="durableClient")
def show_binding(req: func.HttpRequest, client: str) -> str:
    """What a client of the SDK is made of, for tools that are no function."""
    return client
