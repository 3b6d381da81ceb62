"""Our events and those of the CloudEvents project's own library are the same, in Kafka's binary mode."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as TheirEvent

from domain.events import cloud_event
from domain.events.catalog import EVENTS, EventType
from domain.events.cloud_event import CloudEvent, read_attributes, read_data
from tests.events.examples import DATA

AT = datetime(2026, 11, 2, 9, 30, 15, 250_000, tzinfo=UTC)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_their_library_reads_ours(event: EventType) -> None:
    data = event.data.model_validate(DATA[event.name]).model_dump(mode="json", exclude_none=True)
    ours = CloudEvent(
        id="1",
        source="urn:workflow-engine",
        type=event.name,
        subject="Lösung",
        time=AT,
        dataschema=event.schema,
        traceparent=TRACE,
        data=data,
    )
    message = KafkaMessage(dict(cloud_event.to_headers(ours)), b"key", cloud_event.to_value(ours))
    theirs = from_binary(message, JSONFormat())
    assert theirs.get_data() == data
    assert theirs.get_attributes() == {
        "specversion": "1.0",
        "id": "1",
        "source": "urn:workflow-engine",
        "type": event.name,
        "subject": "Lösung",
        "time": AT,
        "dataschema": event.schema,
        "traceparent": TRACE,
        "datacontenttype": "application/json",
        "partitionkey": "key",
    }


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_we_read_theirs(event: EventType) -> None:
    model = event.data.model_validate(DATA[event.name])
    theirs = TheirEvent(
        {
            "specversion": "1.0",
            "id": "1",
            "source": "/portal",
            "type": event.name,
            "subject": "Lösung",
            "time": AT.astimezone(timezone(timedelta(hours=-5))),
            "datacontenttype": "application/json; charset=utf-8",
            "tenant": "an extension that we don't know",
        },
        model.model_dump(mode="json"),
    )
    message = to_binary(theirs, JSONFormat())
    attributes = read_attributes(message.headers.items())
    assert attributes.model_dump(exclude_none=True) == {
        "specversion": "1.0",
        "id": "1",
        "source": "/portal",
        "type": event.name,
        "subject": "Lösung",
        "time": AT,
    }
    assert read_data(message.value, event.data) == model
    assert cloud_event.header(message.headers.items(), "ce_type") == event.name
