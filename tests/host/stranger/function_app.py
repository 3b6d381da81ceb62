"""A small app that knows nothing of this repository; it is copied out of it before it runs."""

import datetime
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="greet/{name}", methods=["GET"])
def greet(req: func.HttpRequest) -> str:
    return f"hello {req.route_params['name']}"


@app.orchestration_trigger(context_name="context")
def greetings(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    options = df.RetryOptions(first_retry_interval_in_milliseconds=1000, max_number_of_attempts=2)
    calls = [context.call_activity_with_retry("say", options, name) for name in context.get_input()]
    said = yield context.task_all(calls)
    yield context.call_entity(df.EntityId("counter", "greetings"), "add", len(said))
    return said


@app.orchestration_trigger(context_name="context")
def reminder(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield context.create_timer(context.current_utc_datetime + datetime.timedelta(days=7))
    return (yield context.call_activity("say", "again"))


@app.activity_trigger(input_name="name")
def say(name: str) -> str:
    return f"hello {name}"


@app.entity_trigger(context_name="context")
def counter(context: df.DurableEntityContext) -> None:
    context.set_state(context.get_state(lambda: 0) + context.get_input())
