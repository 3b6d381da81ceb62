"""The publisher of Event Hubs, on a real AMQP server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from adapters.events.event_hubs import EventHubsPublisher
from domain.errors import Defect, Unavailable
from domain.events.cloud_event import CloudEvent
from tests.support.amqp import EventHubsServer

TOPIC = "prior-authorization.events"
EVENT = CloudEvent(
    id="5f0c",
    source="urn:payer",
    type="prior-authorization.decided.v1",
    subject="Claim/1",
    time=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
    data={"decision": "A1"},
)


@pytest.fixture
async def server() -> AsyncIterator[EventHubsServer]:
    async with EventHubsServer({TOPIC: 4, "process.steps": 2}) as running:
        yield running


@pytest.fixture
async def publisher(server: EventHubsServer) -> AsyncIterator[EventHubsPublisher]:
    publisher = EventHubsPublisher(server.connection_string)
    yield publisher
    await publisher.aclose()


async def test_an_event_is_a_cloud_event_in_amqp_binary_mode(
    server: EventHubsServer, publisher: EventHubsPublisher
) -> None:
    await publisher.publish(TOPIC, "case-1", EVENT)
    (record,) = server.hubs[TOPIC].records
    assert record.properties == {
        "cloudEvents_specversion": "1.0",
        "cloudEvents_id": "5f0c",
        "cloudEvents_source": "urn:payer",
        "cloudEvents_type": "prior-authorization.decided.v1",
        "cloudEvents_subject": "Claim/1",
        "cloudEvents_time": "2026-03-01T12:00:00Z",
    }
    assert record.content_type == "application/json"
    assert json.loads(record.body) == {"decision": "A1"}
    assert record.key == "case-1"


async def test_equal_keys_share_a_partition_in_order(server: EventHubsServer, publisher: EventHubsPublisher) -> None:
    for number in range(6):
        for key in ("case-1", "case-2", "case-3"):
            await publisher.publish(TOPIC, key, EVENT.model_copy(update={"id": f"{key}-{number}"}))
    for key in ("case-1", "case-2", "case-3"):
        mine = [record for record in server.hubs[TOPIC].records if record.key == key]
        assert len({record.partition for record in mine}) == 1
        assert [record.properties["cloudEvents_id"] for record in mine] == [f"{key}-{n}" for n in range(6)]


async def test_a_tombstone_has_a_key_and_no_data(server: EventHubsServer, publisher: EventHubsPublisher) -> None:
    await publisher.forget(TOPIC, "case-1")
    (record,) = server.hubs[TOPIC].records
    assert (record.key, record.body, record.properties) == ("case-1", b"", {})


async def test_a_hint_does_not_wait(server: EventHubsServer, publisher: EventHubsPublisher) -> None:
    publisher.hint("process.steps", "case-1", EVENT)
    assert not server.hubs["process.steps"].records
    await server.until("process.steps", 1)


async def test_closing_sends_the_hints_that_are_under_way(server: EventHubsServer) -> None:
    publisher = EventHubsPublisher(server.connection_string)
    for number in range(5):
        publisher.hint("process.steps", f"case-{number}", EVENT)
    await publisher.aclose()
    assert len(server.hubs["process.steps"].records) == 5


async def test_an_outage_is_unavailable_is_told_once_and_ends(
    server: EventHubsServer, publisher: EventHubsPublisher, caplog: pytest.LogCaptureFixture
) -> None:
    await publisher.publish(TOPIC, "case-1", EVENT)
    await server.stop()
    publisher.hint("process.steps", "case-1", EVENT)  # lost without a word
    calls = publisher.publish(TOPIC, "case-1", EVENT), publisher.forget(TOPIC, "case-1"), publisher.ready()
    failures = await asyncio.gather(*calls, return_exceptions=True)
    assert [getattr(failure, "code", failure) for failure in failures] == ["events"] * 3
    assert [message for message in caplog.messages if "unavailable" in message] == caplog.messages[:1]
    await server.start()
    await publisher.publish(TOPIC, "case-1", EVENT)
    await publisher.ready()
    assert len(server.hubs[TOPIC].records) == 2
    assert not server.hubs["process.steps"].records


async def test_a_connection_that_breaks_before_the_acknowledgement_publishes_a_copy(
    server: EventHubsServer, publisher: EventHubsPublisher
) -> None:
    server.lost_acknowledgements = 1
    await publisher.publish(TOPIC, "case-1", EVENT)
    records = server.hubs[TOPIC].records
    assert [record.properties["cloudEvents_id"] for record in records] == ["5f0c", "5f0c"]


async def test_a_server_that_is_busy_is_asked_again(server: EventHubsServer, publisher: EventHubsPublisher) -> None:
    server.rejections = [b"com.microsoft:timeout"]
    await publisher.publish(TOPIC, "case-1", EVENT)
    assert len(server.hubs[TOPIC].records) == 1


async def test_an_event_over_the_limit_is_a_defect(server: EventHubsServer, publisher: EventHubsPublisher) -> None:
    with pytest.raises(Defect) as caught:
        await publisher.publish(TOPIC, "case-1", EVENT.model_copy(update={"data": {"text": "x" * 1_100_000}}))
    assert caught.value.code == "event-too-large"
    await publisher.publish(TOPIC, "case-1", EVENT)
    assert len(server.hubs[TOPIC].records) == 1


async def test_no_error_quotes_the_connection_string(server: EventHubsServer) -> None:
    server.refuses_tokens = True
    publisher = EventHubsPublisher(server.connection_string)
    with pytest.raises(Unavailable) as caught:
        await publisher.publish(TOPIC, "case-1", EVENT)
    assert caught.value.text == "Event Hubs refuses the connection string"
    assert "bm90IGEgc2VjcmV0" not in repr(caught.value)
    await publisher.aclose()


async def test_a_hub_that_does_not_exist_is_unavailable(publisher: EventHubsPublisher) -> None:
    with pytest.raises(Unavailable):
        await publisher.publish("no-such-hub", "case-1", EVENT)
