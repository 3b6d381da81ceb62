"""An app that goes wrong in every way, and whose activities keep a ledger of who ran."""

import os
import pathlib
import re
import subprocess
import time
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
Turns = Generator[Any, Any, Any]
FOLDER = pathlib.Path(os.environ.get("FAULTY", "."))
"""Where the test looks."""
WIDTH = 4
"""Activities of a fan-out."""


def note(file: str, text: str) -> None:
    """Append a line at once: a kill cuts none."""
    descriptor = os.open(FOLDER / file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{text}\n".encode())
    os.close(descriptor)


@app.route(route="where")
@app.generic_input_binding(arg_name="client", type="durableClient")
def where(req: func.HttpRequest, client: str) -> str:
    return client


# Right


@app.orchestration_trigger(context_name="context")
def hello(context: df.DurableOrchestrationContext) -> Turns:
    said = yield context.call_activity("say", context.get_input())
    return said


@app.orchestration_trigger(context_name="context")
def parked(context: df.DurableOrchestrationContext) -> Turns:
    yield context.wait_for_external_event("go")


@app.orchestration_trigger(context_name="context")
def case(context: df.DurableOrchestrationContext) -> Turns:
    me = context.instance_id
    yield context.call_activity("effect", f"{me}:intake")
    yield context.create_timer(context.current_utc_datetime + timedelta(milliseconds=50))
    context.signal_entity(df.EntityId("counter", "cases"), "add", 1)
    yield context.task_all([context.call_activity("effect", f"{me}:check{n}") for n in range(WIDTH)])
    count = yield context.call_entity(df.EntityId("counter", me), "add", 1)
    end = yield context.call_sub_orchestrator("child", me, f"{me}-child")
    return [count, end]


@app.orchestration_trigger(context_name="context")
def child(context: df.DurableOrchestrationContext) -> Turns:
    return (yield context.call_activity("effect", f"{context.get_input()}:child"))


@app.activity_trigger(input_name="name")
def say(name: str) -> str:
    return f"hello {name}"


@app.activity_trigger(input_name="what")
def effect(what: str) -> str:
    note("effects", what)
    time.sleep(0.01)
    return what


@app.entity_trigger(context_name="context")
def counter(context: df.DurableEntityContext) -> None:
    context.set_state(context.get_state(lambda: 0) + context.get_input())
    context.set_result(context.get_state())


# Wrong


@app.orchestration_trigger(context_name="context")
def spin(context: df.DurableOrchestrationContext) -> Turns:
    yield context.call_activity("say", "before")
    while not (FOLDER / "released").exists():
        pass
    return "released"


@app.orchestration_trigger(context_name="context")
def throw(context: df.DurableOrchestrationContext) -> Turns:
    yield context.call_activity("say", "before")
    raise ValueError("canary-value")


@app.orchestration_trigger(context_name="context")
def wander(context: df.DurableOrchestrationContext) -> Turns:
    note("wandered", context.instance_id)
    passes = (FOLDER / "wandered").read_text().count(context.instance_id)
    yield context.call_activity("say" if passes == 1 else "effect", "one")
    yield context.call_activity("say", "two")


@app.orchestration_trigger(context_name="context")
def pass_on(context: df.DurableOrchestrationContext) -> Turns:
    """What the activity named by the input returns."""
    found = yield context.call_activity(context.get_input()[0], context.get_input()[1])
    return found if isinstance(found, int | float | str) and len(str(found)) < 100 else len(found)


@app.activity_trigger(input_name="size")
def large(size: int) -> str:
    return "x" * size


@app.activity_trigger(input_name="data")
def odd(data: Any) -> Any:
    return object()


@app.activity_trigger(input_name="data")
def nan(data: Any) -> float:
    return float("nan")


@app.activity_trigger(input_name="data")
def half(data: Any) -> str:
    raise ValueError("half of a pair: \ud83d")


@app.activity_trigger(input_name="data")
def stuck(data: Any) -> str:
    while not (FOLDER / "released").exists():
        time.sleep(0.01)
    return "released"


@app.activity_trigger(input_name="data")
async def stuck_async(data: Any) -> str:
    while not (FOLDER / "released").exists():
        time.sleep(0.01)  # noqa: ASYNC251 the fault
    return "released"


@app.activity_trigger(input_name="data")
async def say_async(data: Any) -> str:
    return "hello"


@app.activity_trigger(input_name="data")
def grind(data: Any) -> str:
    """Never lets go of the interpreter."""
    return str(re.match(r"(a+)+$", "a" * 60 + "b"))


@app.activity_trigger(input_name="data")
def breed(data: Any) -> str:
    with subprocess.Popen(["sleep", "1000"]) as process:
        note("children", str(process.pid))
        process.wait()
    return "slept"
