"""Kafka bindings: what is refused, and what the rest means for librdkafka."""

from __future__ import annotations

import builtins
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any, List  # noqa: UP035 (Azure's own spelling)

import azure.functions as func
import pytest

from host.app import AppIndex
from host.clock import VirtualClock
from host.deliveries import Deliveries
from host.invoker import AppInvoker
from host.kafka.binding import KafkaTrigger, read_output, read_trigger
from host.kafka.runner import KafkaRunner
from host.settings import StartupError
from tests.host.kafka.inline import SAFE, index

ENVIRON = {"BROKERS": "b1:9092,b2:9092", "Secret": "s3cret", "TOPIC": "orders"}


def app_of(function: Callable[..., Any], **settings: Any) -> AppIndex:
    app = func.FunctionApp()
    values = {"arg_name": "event", "topic": "t", "broker_list": "b:9092"} | settings
    app.kafka_trigger(**values)(function)
    return index(app)


def trigger(environ: Mapping[str, str] = ENVIRON, **settings: Any) -> KafkaTrigger:
    def f(event: func.KafkaEvent) -> None: ...

    return read_trigger(app_of(f, **settings).function("f"), environ)


def test_defaults() -> None:
    found = trigger()
    assert (found.topic, found.group, found.many, found.binary) == ("t", "$Default", False, False)
    assert found.client == {"bootstrap.servers": "b:9092"}


def test_settings_are_resolved() -> None:
    found = trigger(topic="%topic%-in", broker_list="%BROKERS%", consumer_group="app-%TOPIC%", password="%secret%")
    assert (found.topic, found.group) == ("orders-in", "app-orders")
    assert found.client["bootstrap.servers"] == "b1:9092,b2:9092"
    assert found.client["sasl.password"] == "s3cret"


def test_name_of_a_setting_stands_for_its_value() -> None:
    found = trigger(broker_list="BROKERS", password="Secret", username="someone")
    assert found.client["bootstrap.servers"] == "b1:9092,b2:9092"
    assert (found.client["sasl.username"], found.client["sasl.password"]) == ("someone", "s3cret")


def test_missing_setting_stops_the_start() -> None:
    with pytest.raises(StartupError, match="Kafka trigger of f refers to the app setting NOWHERE"):
        trigger(broker_list="%NOWHERE%")
    with pytest.raises(StartupError, match="has no broker_list"):
        trigger({"EMPTY": ""}, broker_list="%EMPTY%")


@pytest.mark.parametrize(
    ("protocol", "mode", "expected"),
    [
        ("SaslSsl", "ScramSha512", ("sasl_ssl", "SCRAM-SHA-512")),
        ("SASLPLAINTEXT", "PLAIN", ("sasl_plaintext", "PLAIN")),
        ("Ssl", "NotSet", ("ssl", None)),
        ("NotSet", "NotSet", (None, None)),
    ],
)
def test_security(protocol: str, mode: str, expected: tuple[str | None, str | None]) -> None:
    found = trigger(protocol=protocol, authentication_mode=mode, ssl_ca_location="/ca.pem").client
    assert (found.get("security.protocol"), found.get("sasl.mechanism")) == expected
    assert found["ssl.ca.location"] == "/ca.pem"


def test_event_hubs_endpoint() -> None:
    connection = "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=v"
    found = trigger({"HUBS": connection}, broker_list="ns.servicebus.windows.net", event_hub_connection_string="HUBS")
    assert found.client == {
        "bootstrap.servers": "ns.servicebus.windows.net:9093",
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "$ConnectionString",
        "sasl.password": connection,
    }
    assert "SharedAccessKey=v" not in repr(found)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"avro_schema": "{}"}, "decodes no Avro"),
        ({"schema_registry_url": "http://r"}, "asks no schema registry"),
        ({"data_type": "stream"}, "data_type must be string or binary"),
        ({"o_auth_bearer_method": "oidc"}, "OAuth bearer tokens"),
        ({"key_data_type": "Long"}, "key_data_type must be String"),
        ({"cardinality": "many"}, r"typing\.List\[azure\.functions\.KafkaEvent\]"),
    ],
)
def test_refused_triggers(settings: dict[str, Any], reason: str) -> None:
    def f(event: func.KafkaEvent) -> None: ...

    with pytest.raises(AssertionError, match=reason):
        served(app_of(f, **settings))


def served(app: AppIndex) -> None:
    assert not app.refused, app.refused


def test_annotations_that_azure_takes() -> None:
    def typed(event: List[func.KafkaEvent]) -> None: ...  # noqa: UP006

    def bare(event) -> None: ...  # type: ignore[no-untyped-def]

    def text(event: str) -> None: ...

    served(app_of(typed, cardinality="many"))
    served(app_of(bare, cardinality="many"))
    served(app_of(text))


@pytest.mark.parametrize("annotation", [func.Out[str], func.Out[bytes], func.Out[List[str]], None])  # noqa: UP006
def test_output_annotations(annotation: Any) -> None:
    def f(event: str, out: annotation) -> None: ...

    f.__annotations__ = {"event": str, "out": annotation, "return": None}
    app = func.FunctionApp()
    output = app.kafka_output(arg_name="out", topic="t", broker_list="b:9092")
    app.kafka_trigger(arg_name="event", topic="t", broker_list="b:9092")(output(f))
    refused = index(app).refused
    assert bool(refused) == (annotation not in (func.Out[str], func.Out[bytes]))


def test_return_as_output_is_refused() -> None:
    def f(event: str) -> str:
        return event

    app = func.FunctionApp()
    output = app.kafka_output(arg_name="$return", topic="t", broker_list="b:9092")
    app.kafka_trigger(arg_name="event", topic="t", broker_list="b:9092")(output(f))
    assert "every call fails on Azure" in index(app).refused["f"]


def test_output_settings() -> None:
    app = func.FunctionApp()
    binding = app.kafka_output(arg_name="out", topic="%TOPIC%", broker_list="b:9092", linger_ms=1, password="Secret")

    def f(event: str, out: func.Out[str]) -> None: ...

    app.kafka_trigger(arg_name="event", topic="t", broker_list="b:9092")(binding(f))
    found = read_output(index(app).function("f").kafka_outputs["out"], "f", ENVIRON)
    assert found.topic == "orders"
    assert (found.client["linger.ms"], found.client["enable.idempotence"]) == (1, "false")
    assert "s3cret" not in repr(found)


async def test_without_the_library_the_start_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    def f(event: str) -> None: ...

    app = app_of(f)
    invoker = AppInvoker(app)
    with pytest.raises(StartupError, match="pip install confluent-kafka"):
        KafkaRunner(app, invoker, VirtualClock(), Deliveries())
    await invoker.close()


async def test_an_app_without_kafka_does_not_need_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        assert not name.startswith("confluent_kafka")
        return real(name, *rest)

    app = index(func.FunctionApp())
    invoker = AppInvoker(app)
    monkeypatch.setattr(builtins, "__import__", without)
    runner = KafkaRunner(app, invoker, VirtualClock(), Deliveries())
    runner.start()
    await runner.stop()
    await invoker.close()


@pytest.mark.parametrize(("kafka", "warned"), [({}, True), (SAFE, False)])
async def test_losing_records_is_named_at_start(kafka: dict[str, Any], warned: bool) -> None:
    app = func.FunctionApp()

    @app.kafka_trigger(arg_name="event", topic="t", broker_list="b:9092")
    def f(event: str) -> None: ...

    found = index(app, kafka)
    invoker = AppInvoker(found)
    warnings = KafkaRunner(found, invoker, VirtualClock(), Deliveries()).warnings
    assert bool(warnings) == warned
    assert not warned or "LOST" in warnings[0]
    await invoker.close()
