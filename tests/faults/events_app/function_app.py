"""The engine's own consumer in front of the smallest workflow, for runs of thousands of events.

Each instance writes a line to the file ``LEDGER``: its id and the time of its first turn. A second line of the same
time is a step that ran again after a kill; one of another time would be an instance that ran twice.
"""

import os
from pathlib import Path

import azure.durable_functions as df
import azure.functions as func

from domain.case import instance_id
from domain.events.catalog import REQUESTED, Topic
from triggers.consumer import consumer
from triggers.deliver import HANDLERS
from triggers.event import Kind, Outcome

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
events = df.Blueprint()
consumer(events, Topic.REQUESTS)
app.register_functions(events)


async def requested(event):
    event.principal(event.data.organization)
    case = instance_id("case", event.data.organization, event.data.request)
    started = await event.instances.start("case", case, event.data.request)
    return Outcome(Kind.STARTED if started else Kind.EXISTS, case)


HANDLERS[REQUESTED.topic] = {REQUESTED.name: requested}


@app.orchestration_trigger(context_name="context")
def case(context):
    yield context.call_activity("enter", [context.instance_id, context.current_utc_datetime.isoformat()])


@app.activity_trigger(input_name="line")
def enter(line: list) -> None:
    with Path(os.environ["LEDGER"]).open("a") as ledger:
        ledger.write(" ".join(line) + "\n")
