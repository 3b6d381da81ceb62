"""Event Hubs outputs on the host, against a real AMQP server."""

from __future__ import annotations

import typing

import azure.functions as func
import pytest

from tests.host.eventhubs.conftest import SETTING, Send, host, trigger
from tests.support.amqp import EventHubsServer


async def test_outputs_reach_their_hub(server: EventHubsServer, send: Send) -> None:
    app = func.FunctionApp()

    @app.event_hub_output(arg_name="out", event_hub_name="out", connection=SETTING)
    @app.event_hub_output(arg_name="several", event_hub_name="%OUT%", connection=SETTING)
    @app.event_hub_output(arg_name="$return", event_hub_name="out", connection=SETTING)
    @trigger(app)
    async def take(event: func.EventHubEvent, out: func.Out[bytes], several: func.Out[typing.List[str]]) -> str:  # noqa: UP006
        out.set(b"\x00bytes")
        several.set(["x", "y"])
        return '[{"n":1},"z"]'

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUT", "out")
        async with host(app):
            await send("one", "a")
            await server.until("out", 5)
    bodies = [record.body for record in server.hubs["out"].records]
    assert sorted(bodies) == sorted([b"\x00bytes", b"x", b"y", b'{"n":1}', b"z"])


async def test_an_output_that_is_not_taken_fails_the_call(
    server: EventHubsServer, send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    app = func.FunctionApp()

    @app.event_hub_output(arg_name="out", event_hub_name="out", connection=SETTING)
    @trigger(app)
    async def take(event: func.EventHubEvent, out: func.Out[str]) -> None:
        out.set(event.get_body().decode() * (1_100_000 if event.sequence_number == 0 else 1))

    await send("one", "x", "y")
    async with host(app):
        await server.until("out", 1)
    assert [record.body for record in server.hubs["out"].records] == [b"y"]
    assert "take: one/0 events 0-0 are skipped" in caplog.text
    assert "an output for out was not taken (ValueError)" in caplog.text
