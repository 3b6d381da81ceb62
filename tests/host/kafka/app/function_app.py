"""What a host in a process of its own runs: starts an instance for each record, and tells what it saw by a topic."""

import asyncio
import json
import os
from typing import Any, List  # noqa: UP035 (Azure takes no list[...])

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp()
SLOW = float(os.environ.get("SLOW_SECONDS", "0"))


@app.function_name("one")
@app.kafka_trigger(
    arg_name="event", topic="%TOPIC%", broker_list="%BROKERS%", consumer_group="%GROUP%", data_type="binary"
)
@app.kafka_output(arg_name="out", topic="%OUT%", broker_list="%BROKERS%")
@app.retry(strategy="fixed_delay", max_retry_count="-1", delay_interval="00:00:00")
@app.durable_client_input(client_name="client")
async def one(
    event: func.KafkaEvent, out: func.Out[str], context: func.Context, client: df.DurableOrchestrationClient
) -> None:
    text = event.get_body().decode()
    if text == "fails-twice" and context.retry_context.retry_count < 2:
        raise ValueError("canary-value")
    await asyncio.sleep(SLOW)
    known = await client.get_status(f"flow-{text}")
    if known.instance_id is None:
        await client.start_new("flow", f"flow-{text}", text)
    out.set(json.dumps([text, event.partition, event.offset, context.retry_context.retry_count, os.getpid()]))


@app.function_name("batch")
@app.kafka_trigger(
    arg_name="events", topic="%TOPIC%", broker_list="%BROKERS%", consumer_group="%GROUP%-batch", cardinality="many"
)
@app.kafka_output(arg_name="out", topic="%OUT%-batch", broker_list="%BROKERS%")
def batch(events: List[func.KafkaEvent], out: func.Out[bytes]) -> None:  # noqa: UP006
    out.set(json.dumps([json.loads(event.get_body()) for event in events]).encode())


@app.orchestration_trigger(context_name="context")
def flow(context: df.DurableOrchestrationContext) -> Any:
    return context.get_input()
    yield
