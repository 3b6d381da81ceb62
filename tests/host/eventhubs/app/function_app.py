"""Writes what it gets to the file of the setting SEEN, and sends it on; dies of the event ``die`` once."""

import os
import pathlib
import signal
import typing

import azure.functions as func

app = func.FunctionApp()


@app.event_hub_output(arg_name="out", event_hub_name="out", connection="EVENT_HUBS")
@app.event_hub_message_trigger(
    arg_name="events", event_hub_name="one", connection="EVENT_HUBS", cardinality="many", data_type="binary"
)
def take(events: typing.List[func.EventHubEvent], out: func.Out[str]) -> None:  # noqa: UP006
    seen = pathlib.Path(os.environ["SEEN"])
    with seen.open("a", encoding="utf-8") as file:
        for event in events:
            file.write(f"{event.sequence_number} {event.get_body().decode()}\n")
    died = seen.with_suffix(".died")
    if any(event.get_body() == b"die" for event in events) and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    out.set(str(events[-1].sequence_number))
