"""Functions that give back, or raise, all that a function may: run by the host and by Azure's own worker library."""

import asyncio
import json
import threading
import typing
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from parity_values import ANSWERS, VALUES, told  # type: ignore[import-not-found]

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
Turns = Generator[Any, Any, Any]


# HTTP


@app.route("answer/{name}")
def answer(req: func.HttpRequest):  # type: ignore[no-untyped-def]  # as much as the worker takes
    return ANSWERS[req.params["name"]]()


@app.route("answer-later/{name}", methods=["GET", "POST"])
async def answer_later(req: func.HttpRequest):  # type: ignore[no-untyped-def]
    await asyncio.sleep(0)
    return ANSWERS[req.params["name"]]()


@app.route("answer-text", auth_level=func.AuthLevel.ANONYMOUS)
def answer_text(req: func.HttpRequest) -> str:
    return ANSWERS[req.params["name"]]()  # type: ignore[no-any-return]


@app.route("answer-response", auth_level=func.AuthLevel.ADMIN)
def answer_response(req: func.HttpRequest) -> func.HttpResponse:
    return ANSWERS[req.params["name"]]()


@app.route("request/{id:int}/{rest?}", methods=["PUT", "POST"])
def request(req: func.HttpRequest) -> str:
    files = dict(req.files.items())
    seen = {
        "method": req.method,
        "url": req.url,
        "headers": dict(sorted(req.headers.items())),
        "accept": req.headers.get("ACCEPT"),
        "params": dict(sorted(req.params.items())),
        "route": dict(sorted(req.route_params.items())),
        "body": list(req.get_body()),
        "form": dict(req.form),
        "files": {name: [each.filename, each.read().decode()] for name, each in files.items()},
    }
    for each in files.values():
        each.close()
    return json.dumps(seen)


@app.route("body")
def body(req: func.HttpRequest) -> str:
    return json.dumps(req.get_json())


@app.route("context")
def in_context(req: func.HttpRequest, context: func.Context) -> str:
    return str(told(context))


@app.route("context-later")
async def in_context_later(req: func.HttpRequest, context: func.Context) -> str:
    return str(told(context))


@app.route("context-unannotated")
def in_context_unannotated(req, context):  # type: ignore[no-untyped-def]
    return told(context)


@app.route("out")
@app.generic_output_binding(arg_name="other", type="http")
def by_return_and_out(req: func.HttpRequest, other: func.Out[func.HttpResponse]) -> str:
    other.set(func.HttpResponse("out", status_code=202))
    return "returned"


@app.function_name("by_out")
@app.generic_trigger(arg_name="req", type="httpTrigger", route="by-out", authLevel="anonymous")
@app.generic_output_binding(arg_name="other", type="http")
def by_out(req: func.HttpRequest, other: func.Out[func.HttpResponse]) -> Any:
    other.set(ANSWERS[req.params["name"]]())
    return ANSWERS[req.params.get("returns", "none")]()


@app.route("client")
@app.generic_input_binding(arg_name="client", type="durableClient")
def client_text(req: func.HttpRequest, client: str) -> str:
    return client


@app.route("rich-client")
@app.durable_client_input(client_name="client")
async def rich_client(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    return client.create_check_status_response(req, "instance-1")


# Timers


@app.timer_trigger(schedule="0 */5 * * * *", arg_name="timer")
@app.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:00:10")
def tick(timer: func.TimerRequest) -> None:
    seen = json.dumps([timer.past_due, timer.schedule, timer.schedule_status])
    if timer.past_due:
        raise ValueError(seen)


@app.timer_trigger(schedule="0 0 3 * * *", arg_name="timer", run_on_startup=False)
@app.retry(
    strategy="exponential_backoff", max_retry_count="-1", minimum_interval="00:00:01", maximum_interval="00:15:00"
)
async def tick_later(timer: func.TimerRequest) -> Any:
    return "something" if timer.past_due else None


@app.timer_trigger(schedule="1.00:00:00", arg_name="timer")
def tick_text(timer: str) -> None:
    raise ValueError(timer)


# Messages


@app.kafka_trigger("event", topic="t", broker_list="b", consumer_group="g", data_type="binary")
@app.kafka_output("out", topic="o", broker_list="b")
@app.kafka_output("raw", topic="o", broker_list="b")
def record(event: func.KafkaEvent, out: func.Out[str], raw: func.Out[bytes]) -> None:
    seen = [event.topic, event.partition, event.offset, event.key, event.timestamp, event.headers]
    out.set(json.dumps([*seen, list(event.get_body())]))
    raw.set(event.get_body())


@app.kafka_trigger("event", topic="t", broker_list="b", consumer_group="g")
def record_metadata(event: func.KafkaEvent) -> None:
    seen = event.metadata or {}
    raise ValueError(sorted(seen.items()))


@app.kafka_trigger("events", topic="t", broker_list="b", consumer_group="g", cardinality="many", data_type="string")
@app.kafka_output("out", topic="o", broker_list="b")
def records(events: typing.List[func.KafkaEvent], out: func.Out[str]) -> None:  # noqa: UP006  # as Azure takes it
    seen = [[each.topic, each.partition, each.offset, each.key, each.headers] for each in events]
    out.set(json.dumps([seen, [list(each.get_body()) for each in events]]))


@app.kafka_trigger("event", topic="t", broker_list="b", consumer_group="g", data_type="string")
@app.kafka_output("out", topic="o", broker_list="b")
def text_record(event: str, out: func.Out[str]) -> None:
    name = json.loads(event)["Value"]
    out.set(VALUES[name]())


@app.event_hub_message_trigger("event", event_hub_name="h", connection="HUB", data_type="binary")
@app.event_hub_output("$return", event_hub_name="o", connection="HUB")
def hub_event(event: func.EventHubEvent) -> str:
    return json.dumps([event.get_body().decode(), event.partition_key, event.sequence_number, event.offset])


# Durable


@app.orchestration_trigger("context", orchestration="Two-Steps")
def two_steps(context: df.DurableOrchestrationContext) -> Turns:
    first = yield context.call_activity("give", context.get_input())
    context.set_custom_status({"first": first})
    second = yield context.call_activity_with_retry("give", df.RetryOptions(1000, 3), "number")
    return [first, second]


@app.orchestration_trigger("context")
def stumbling(context: df.DurableOrchestrationContext) -> Turns:
    raise ValueError("at once")
    yield


@app.orchestration_trigger("context")
def unspeakable(context: df.DurableOrchestrationContext) -> Turns:
    VALUES["raises-unspeakable"]()
    yield


@app.orchestration_trigger("context")
def plain(context: df.DurableOrchestrationContext) -> Any:
    return {"input": context.get_input()}


@app.activity_trigger("name")
def give(name: str) -> Any:
    return VALUES[name]()


@app.activity_trigger("name")
async def give_later(name: str):  # type: ignore[no-untyped-def]
    await asyncio.sleep(0)
    return VALUES[name]()


@app.activity_trigger("value", activity="Take")
def take(value: Any) -> str:
    in_main_thread = threading.current_thread() is threading.main_thread()
    return f"{type(value).__name__} {getattr(value, 'width', value)!r} {in_main_thread}"


@app.activity_trigger("value")
def take_text(value: str) -> str:
    return f"{type(value).__name__} {getattr(value, 'width', value)!r}"


@app.activity_trigger("value")
def take_bytes(value: bytes) -> str:
    return f"{type(value).__name__} {getattr(value, 'width', value)!r}"


@app.activity_trigger("value")
def take_dict(value: dict) -> dict:  # type: ignore[type-arg]  # as Azure takes it
    return {"type": type(value).__name__, "value": value}


@app.activity_trigger("value")
def take_in_context(value: str, context: func.Context) -> str:
    return str(told(context))


@app.entity_trigger("context", entity_name="Counter")
def counter(context: df.DurableEntityContext) -> None:
    value = context.get_state(lambda: 0)
    if context.operation_name == "add":
        context.set_state(value + context.get_input())
    elif context.operation_name == "fail":
        raise ValueError("why")
    elif context.operation_name == "delete":
        context.destruct_on_exit()
    context.set_result(context.get_state(lambda: 0))
