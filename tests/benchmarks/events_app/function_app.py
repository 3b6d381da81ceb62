"""An app whose instances are started by events that carry references: one start an event, then a wait."""

import asyncio
import os
from typing import List  # noqa: UP035 (the worker reads typing generics)

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp()
MANY = os.environ.get("CARDINALITY", "many") == "many"


@app.orchestration_trigger(context_name="context")
def case(context):
    context.set_custom_status({"step": "clinical-review", "waitingFor": "reviewer"})
    yield context.wait_for_external_event("decided")


async def start(client, event):
    # What the event says (a reference) is not decoded: the id of the instance stands in its key.
    await client.start_new("case", instance_id=event.key, client_input={"record": f"Task/{event.key}"})


if MANY:

    @app.kafka_trigger(
        arg_name="events",
        topic="%TOPIC%",
        broker_list="%BROKERS%",
        consumer_group="bench",
        cardinality=func.Cardinality.MANY,
        data_type=func.DataType.BINARY,
    )
    @app.durable_client_input(client_name="client")
    async def on_events(events: List[func.KafkaEvent], client) -> None:  # noqa: UP006
        await asyncio.gather(*(start(client, event) for event in events))

else:

    @app.kafka_trigger(
        arg_name="event",
        topic="%TOPIC%",
        broker_list="%BROKERS%",
        consumer_group="bench",
        data_type=func.DataType.BINARY,
    )
    @app.durable_client_input(client_name="client")
    async def on_event(event: func.KafkaEvent, client) -> None:
        await start(client, event)
