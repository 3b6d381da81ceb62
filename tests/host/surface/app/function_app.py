"""An app with one function for each thing that the surface of the host must do."""

import asyncio
import json
import logging
import os
import pathlib
import sys
import threading
import time
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
ticks: list[bool] = []
Turns = Generator[Any, Any, Any]


def tell_begun() -> None:
    """To whoever waits for the file that the setting BEGUN names."""
    if "BEGUN" in os.environ:
        pathlib.Path(os.environ["BEGUN"]).touch()


# HTTP


@app.route(route="echo/{id:int}/{rest?}")
def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    seen = {
        "method": req.method,
        "url": req.url,
        "params": dict(req.params),
        "route": dict(req.route_params),
        "headers": dict(req.headers),
        "body": req.get_body().decode(),
        "function": context.function_name,
        "trace": context.trace_context.trace_parent,
        "state": context.trace_context.trace_state,
        "thread": threading.current_thread().name,
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json", headers={"X-One": "1"})


@app.route(route="echo/latest", methods=["GET"])
def latest(req: func.HttpRequest) -> str:
    return "latest"


@app.route(route="fhir/Claim/$submit", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def submit(req: func.HttpRequest) -> func.HttpResponse:
    await asyncio.sleep(0)
    return func.HttpResponse(status_code=201, headers={"Set-Cookie": "a=b; Path=/"})


@app.route(route="files/{*path}", methods=["GET", "DELETE"])
def files(req: func.HttpRequest) -> str:
    return str(req.route_params.get("path", "(none)"))


@app.route(route="guarded", auth_level=func.AuthLevel.ADMIN)
def guarded(req: func.HttpRequest) -> str:
    return "admin"


@app.route(route="broken")
def broken(req: func.HttpRequest) -> str:
    raise ValueError("canary-value")


@app.route(route="nothing")
def nothing(req: func.HttpRequest):  # type: ignore[no-untyped-def]  # Azure takes no None here
    return None  # nor here, when it runs


@app.function_name("outgoing")
@app.generic_trigger(arg_name="req", type="httpTrigger", route="outgoing", authLevel="anonymous")
@app.generic_output_binding(arg_name="answer", type="http")
def by_out(req: func.HttpRequest, answer: func.Out[func.HttpResponse]) -> None:
    if "silent" not in req.params:
        answer.set(func.HttpResponse("by out", status_code=202))


@app.route(route="whoami")
def whoami(req: func.HttpRequest) -> str:
    return json.dumps({name: value for name, value in req.headers.items() if name.startswith("x-ms-client-principal")})


@app.route(route="sleep/{seconds}")
async def sleep(req: func.HttpRequest) -> str:
    tell_begun()
    await asyncio.sleep(float(req.route_params["seconds"]))
    return "awake"


@app.route(route="hang/{seconds}")
def hang(req: func.HttpRequest) -> str:
    time.sleep(float(req.route_params["seconds"]))
    return f"done in {os.getpid()}"


@app.route(route="exit")
def leave(req: func.HttpRequest) -> str:
    os._exit(3)


@app.route(route="start/{name}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    instance_id = await client.start_new(req.route_params["name"], req.params.get("id"), req.get_json())
    return client.create_check_status_response(req, instance_id)


@app.route(route="binding")
@app.generic_input_binding(arg_name="client", type="durableClient")
def binding(req: func.HttpRequest, client: str) -> str:
    return client


# Durable


@app.orchestration_trigger(context_name="context")
def sequence(context: df.DurableOrchestrationContext) -> Turns:
    first = yield context.call_activity("add_one", context.get_input())
    context.set_custom_status({"at": first})
    second = yield context.call_activity(increment, first)
    return second


@app.orchestration_trigger(context_name="context")
def reading(context: df.DurableOrchestrationContext) -> Turns:
    value = yield context.call_activity("same", context.get_input())
    return value


@app.orchestration_trigger(context_name="context", orchestration="Approval")
def approval(context: df.DurableOrchestrationContext) -> Turns:
    answer = yield context.wait_for_external_event("decided")
    return answer


@app.orchestration_trigger(context_name="context")
def failing(context: df.DurableOrchestrationContext) -> Turns:
    result = yield context.call_activity("fail", "canary-value")
    return result


@app.orchestration_trigger(context_name="context")
def slow(context: df.DurableOrchestrationContext) -> Turns:
    result = yield context.call_activity("sleeper", context.get_input())
    return result


@app.activity_trigger(input_name="number", activity="add_one")
def increment(number: int) -> int:
    return number + 1


@app.activity_trigger(input_name="value")
def same(value: Any) -> Any:
    return value


@app.activity_trigger(input_name="text")
def fail(text: str) -> str:
    raise ValueError(text)


class Unspeakable(Exception):
    """No text can be made of it."""

    def __str__(self) -> str:
        raise RuntimeError("canary-value")


@app.activity_trigger(input_name="text")
def fail_without_text(text: str) -> str:
    raise Unspeakable


@app.activity_trigger(input_name="text")
async def invocation_of_thread(text: str, context: func.Context) -> str:
    return f"{context.thread_local_storage.invocation_id} {context.retry_context.rpc_exception.message}"


@app.activity_trigger(input_name="seconds")
def sleeper(seconds: float) -> str:
    tell_begun()
    time.sleep(seconds)
    return "slept"


@app.activity_trigger(input_name="data")
async def log_it(data: str) -> str:
    logging.getLogger("app").warning("at work")
    await asyncio.sleep(0)
    return threading.current_thread().name


@app.activity_trigger(input_name="data")
def quit(data: str) -> str:  # noqa: A001
    sys.exit(3)


@app.activity_trigger(input_name="data")
async def quit_async(data: str) -> str:
    sys.exit(3)


@app.activity_trigger(input_name="data")
def give_up(data: str) -> str:
    raise asyncio.CancelledError


@app.activity_trigger(input_name="data")
async def give_up_async(data: str) -> str:
    raise asyncio.CancelledError


@app.entity_trigger(context_name="context")
def Counter(context: df.DurableEntityContext) -> None:
    value = context.get_state(lambda: 0)
    if context.operation_name == "add":
        context.set_state(value + context.get_input())
    context.set_result(value)


@app.entity_trigger(context_name="context")
def Keeper(context: df.DurableEntityContext) -> None:
    context.set_state(context.get_input())


# Timers


@app.timer_trigger(schedule="%TICK%", arg_name="timer", run_on_startup=False)
def tick(timer: func.TimerRequest) -> None:
    ticks.append(timer.past_due)


# Not for this host, or switched off


@app.queue_trigger(arg_name="message", queue_name="q", connection="Storage")
def queued(message: func.QueueMessage) -> None: ...


@app.route(route="off")
def switched_off(req: func.HttpRequest) -> str:
    return "on"
