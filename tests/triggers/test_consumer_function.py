"""The function that a Kafka trigger calls: how it is registered, and the record that it makes of what it is given."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import pytest
from azure.functions import meta
from azure.functions.kafka import KafkaTriggerConverter

from domain.events.catalog import INCOMING, Topic
from settings import Settings
from tests.support.ordered import event, letters, ordered
from triggers import consumer
from triggers.consumer import record_of

NOW = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
SECURED = {"protocol", "authenticationMode", "username", "password"}


def registered(topic: Topic) -> Any:
    """The function of a topic as the worker indexes it."""
    blueprint = df.Blueprint()
    consumer.consumer(blueprint, topic)
    app = df.DFApp()
    app.register_functions(blueprint)
    (found,) = app.get_functions()
    return found


def given(**changes: Any) -> func.KafkaEvent:
    """What the extension gives for a record, decoded as the worker decodes it."""
    parts: dict[str, Any] = {
        "Topic": meta.Datum(Topic.ATTACHMENTS.value, "string"),
        "Partition": meta.Datum("2", "json"),
        "Offset": meta.Datum("41", "json"),
        "Key": meta.Datum("case-1", "string"),
        "Timestamp": meta.Datum(json.dumps("2026-11-23T15:00:00.123Z"), "json"),
        "Headers": meta.Datum(json.dumps([{"Key": "ce_id", "Value": base64.b64encode(b"e").decode()}]), "json"),
    }
    body = changes.pop("body", b"{}")
    found = KafkaTriggerConverter.decode(meta.Datum(body, "bytes"), trigger_metadata={**parts, **changes})
    assert isinstance(found, func.KafkaEvent)
    return found


def now() -> datetime:
    return NOW


@pytest.mark.parametrize("topic", INCOMING)
def test_every_topic_has_its_function(topic: Topic) -> None:
    function = registered(topic)
    assert function.get_function_name() == f"kafka_{topic.name.lower()}"
    trigger = json.loads(str(function))["bindings"]
    (binding,) = (each for each in trigger if each["type"] == "kafkaTrigger")
    assert binding["topic"] == topic.value
    assert binding["brokerList"] == "%WORKFLOW_KAFKA_BROKERS%"
    assert binding["consumerGroup"] == "%WORKFLOW_KAFKA_GROUP%"
    assert (str(binding["dataType"]), str(binding["cardinality"])) == ("BINARY", "ONE")
    assert {each["type"] for each in trigger} == {"kafkaTrigger", "durableClient"}


def test_a_failure_is_retried_for_ever_with_backoff() -> None:
    policy = registered(Topic.REQUESTS).get_setting("retry_policy")
    assert (policy.strategy, policy.max_retry_count) == ("exponential_backoff", "-1")
    assert (policy.minimum_interval, policy.maximum_interval) == ("00:00:01", "00:01:00")


def test_sign_in_is_named_where_the_protocol_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = registered(Topic.REQUESTS).get_trigger().get_dict_repr()
    assert plain["protocol"].name == "PLAINTEXT"
    assert not plain.get("username")
    values = Settings(kafka_protocol="SaslSsl", kafka_mechanism="ScramSha512")
    monkeypatch.setattr(consumer, "settings", lambda: values)
    secured = registered(Topic.REQUESTS).get_trigger().get_dict_repr()
    assert (secured["protocol"].name, secured["authenticationMode"].name) == ("SASLSSL", "SCRAMSHA512")
    assert (secured["username"], secured["password"]) == ("%WORKFLOW_KAFKA_USERNAME%", "%WORKFLOW_KAFKA_PASSWORD%")


def test_a_record_is_what_the_log_has() -> None:
    record = record_of(given(), now)
    assert str(record.at) == "prior-authorization.attachments-2-41"
    assert record.appended == datetime(2026, 11, 23, 15, 0, 0, 123000, tzinfo=UTC)
    assert (record.key, record.value, record.headers) == (b"case-1", b"{}", (("ce_id", b"e"),))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-23T15:00:00Z", datetime(2026, 11, 23, 15, tzinfo=UTC)),
        ("2026-11-23T15:00:00.1234567Z", datetime(2026, 11, 23, 15, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-23T15:00:00", datetime(2026, 11, 23, 15, tzinfo=UTC)),
        ("2026-11-23T10:00:00-05:00", datetime(2026, 11, 23, 15, tzinfo=UTC)),
        ("soon", NOW),
        ("", NOW),
    ],
)
def test_the_time_of_receipt_is_read_as_net_writes_it(text: str, at: datetime) -> None:
    assert record_of(given(Timestamp=meta.Datum(text, "string")), now).appended == at


def test_a_record_without_key_or_with_headers_of_no_sense_is_a_record() -> None:
    headers = [{"Key": "ce_id", "Value": None}, {"Key": None, "Value": "*"}, {}]
    record = record_of(given(Key=meta.Datum(None, None), Headers=meta.Datum(json.dumps(headers), "json")), now)
    assert record.key is None
    assert record.headers == (("ce_id", b""), ("", b""), ("", b""))


async def test_the_function_takes_the_record() -> None:
    async with ordered() as log:
        said = event("through the trigger")
        headers = [{"Key": f"ce_{k}", "Value": base64.b64encode(str(v).encode()).decode()} for k, v in
                   said.model_dump(exclude={"data"}, exclude_none=True).items()]  # fmt: skip
        function = registered(Topic.ATTACHMENTS).get_user_function()
        client = log.app.host.server.binding.text()
        for body in (json.dumps(said.data).encode(), b"broken"):
            record = given(
                body=body,
                Offset=meta.Datum(str(len(body)), "json"),
                Headers=meta.Datum(json.dumps(headers), "json"),
            )
            await function(event=record, client=client)
        assert log.recorder.taken == ["through the trigger"]
        assert [each.reason for each in letters(log.app).values()] == ["not-json"]
