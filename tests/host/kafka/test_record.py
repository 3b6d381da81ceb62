"""What a function gets of a record: the converters of azure.functions read what the host makes."""

from __future__ import annotations

import base64
import json
from typing import Any

import azure.functions as func
import pytest
from azure.functions.kafka import KafkaTriggerConverter

from host.call import Call, call_from_json, call_to_json
from host.kafka.record import Held, Record, several, single
from host.message import Message
from tests.host.kafka.inline import record

HELD = Held("orders", 2)


def event(message: Message) -> Any:
    return KafkaTriggerConverter.decode(message.data.datum(), trigger_metadata=message.trigger_metadata())


def test_binary_event() -> None:
    one: func.KafkaEvent = event(single(record(HELD, 7, b"\x00\xff", b"key", ce_type="a.b"), binary=True))
    assert one.get_body() == b"\x00\xff"
    assert (one.key, one.offset, one.partition, one.topic) == ("key", 7, 2, "orders")
    assert one.timestamp == "2026-01-05T09:00:00.123Z"
    assert one.headers == [{"Key": "ce_type", "Value": base64.b64encode(b"a.b").decode()}]
    assert {"Key", "Offset", "Partition", "Topic", "Timestamp", "Headers"} == set(one.metadata or {})


def test_tombstone_without_key() -> None:
    one: func.KafkaEvent = event(single(record(HELD, 7, None), binary=True))
    assert one.get_body() == b""
    assert one.key is None
    assert one.headers == []
    with pytest.raises(AttributeError):
        _ = one.metadata  # there too: the SDK cannot say that there is no key


def test_text_event_is_an_envelope() -> None:
    one: func.KafkaEvent = event(single(record(HELD, 7, b'{"a": 1}', b"key", h="x"), binary=False))
    assert json.loads(one.get_body()) == {
        "Offset": 7,
        "Partition": 2,
        "Topic": "orders",
        "Timestamp": "2026-01-05T09:00:00.123Z",
        "Value": '{"a": 1}',
        "Key": "key",
        "Headers": [{"Key": "h", "Value": "eA=="}],
    }


@pytest.mark.parametrize(
    ("timestamp", "shown"),
    [
        (-(2**63), "1970-01-01T00:00:00.000Z"),
        (1_767_603_600_999, "2026-01-05T09:00:00.999Z"),
        (2**63 - 1, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_any_timestamp_of_a_writer_has_an_instant(timestamp: int, shown: str) -> None:
    one = Record(HELD, 7, timestamp, None, b"v", ())
    assert event(single(one, binary=True)).timestamp == shown
    assert json.loads(event(several([one], binary=False))[0].get_body())["Timestamp"] == shown


@pytest.mark.parametrize("binary", [True, False])
def test_batch(binary: bool) -> None:
    records = [record(HELD, 7, b"one", b"k", h="x"), record(Held("orders", 0), 3, None)]
    first, second = event(several(records, binary))
    assert (first.key, first.offset, first.partition, first.topic) == ("k", 7, 2, "orders")
    assert (second.key, second.offset, second.partition, second.headers) == (None, 3, 0, [])
    bodies = [each.get_body() if binary else json.loads(each.get_body())["Value"] for each in (first, second)]
    assert bodies == ([b"one", b""] if binary else ["one", None])


@pytest.mark.parametrize("binary", [True, False])
def test_the_pipe_keeps_everything(binary: bool) -> None:
    records = [record(HELD, 7, b"\x00\xff", b"k", h="x"), record(HELD, 8, None)]
    for message in (several(records, binary), *(single(each, binary) for each in records)):
        call = Call("f", message, "i", retry_count=2, max_retry_count=-1)
        assert call_from_json(json.loads(json.dumps(call_to_json(call)))) == call


def test_nothing_of_a_record_is_in_its_text() -> None:
    assert "canary" not in repr(record(HELD, 7, b"canary", b"canary", h="canary"))
