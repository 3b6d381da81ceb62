"""Kafka bindings of functions: which are refused, and what the others mean for librdkafka.

Names and rules of ``KafkaTriggerAttribute``, ``KafkaAttribute`` and ``ConfigurationExtensions`` of the extension 4.3.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from host.settings import StartupError, resolve

if TYPE_CHECKING:
    from host.functions import Function

TRIGGER = "kafkaTrigger"
OUTPUT = "kafka"

_AVRO = (
    "avro_schema",
    "key_avro_schema",
    "schema_registry_url",
    "schema_registry_username",
    "schema_registry_password",
)
_PROTOCOLS = {"plaintext": "plaintext", "ssl": "ssl", "saslplaintext": "sasl_plaintext", "saslssl": "sasl_ssl"}
_MODES = {"gssapi": "GSSAPI", "plain": "PLAIN", "scramsha256": "SCRAM-SHA-256", "scramsha512": "SCRAM-SHA-512"}
_TEXTS = {
    "username": "sasl.username",
    "password": "sasl.password",
    "ssl_key_location": "ssl.key.location",
    "ssl_ca_location": "ssl.ca.location",
    "ssl_certificate_location": "ssl.certificate.location",
    "ssl_key_password": "ssl.key.password",
    "ssl_certificate_pem": "ssl.certificate.pem",
    "ssl_key_pem": "ssl.key.pem",
    "ssl_ca_pem": "ssl.ca.pem",
}
_PRODUCER = {
    "max_message_bytes": "message.max.bytes",
    "batch_size": "batch.num.messages",
    "enable_idempotence": "enable.idempotence",
    "message_timeout_ms": "message.timeout.ms",
    "request_timeout_ms": "request.timeout.ms",
    "max_retries": "message.send.max.retries",
    "linger_ms": "linger.ms",
}
DEFAULT_GROUP = "$Default"


@dataclass(frozen=True)
class KafkaTrigger:
    """A Kafka trigger, its settings resolved."""

    function: Function
    topic: str
    group: str
    many: bool
    binary: bool
    client: Mapping[str, Any] = field(repr=False)
    """Settings of librdkafka: broker and security."""


@dataclass(frozen=True)
class KafkaOutput:
    """A Kafka output binding, its settings resolved."""

    topic: str
    client: Mapping[str, Any] = field(repr=False)
    """Settings of librdkafka: broker, security and producer."""


def refusal(binding: Any, annotation: Any) -> str | None:
    """Why a Kafka binding cannot be served here; None: it can."""
    name = binding.name
    if any(getattr(binding, each, None) for each in _AVRO):
        return f"{name}: this host decodes no Avro and asks no schema registry: take data_type='binary' and decode"
    if any(getattr(binding, each, None) for each in vars(binding) if each.startswith("o_auth_bearer")):
        return f"{name}: OAuth bearer tokens are not served here"
    if getattr(binding, "ssl_certificate_and_key_pem", None):
        return f"{name}: ssl_certificate_and_key_pem is not served here: name certificate and key apart"
    if _word(getattr(binding, "key_data_type", None)) not in ("", "string"):
        return f"{name}: key_data_type must be String here"
    return _trigger_refusal(binding, annotation) if binding.type == TRIGGER else _output_refusal(binding, annotation)


def _trigger_refusal(binding: Any, annotation: Any) -> str | None:
    if _data_type(binding) == "stream":
        return f"{binding.name}: data_type must be string or binary"
    if _word(binding.cardinality) == "many" and annotation is not None and typing.get_origin(annotation) is None:
        return f"{binding.name}: with cardinality many, Azure takes typing.List[azure.functions.KafkaEvent] only"
    return None


def _output_refusal(binding: Any, annotation: Any) -> str | None:
    if binding.name == "$return":
        return "a Kafka output cannot be $return (every call fails on Azure): use azure.functions.Out[str]"
    if typing.get_args(annotation) and typing.get_args(annotation)[0] not in (str, bytes):
        return f"{binding.name}: a Kafka output takes Out[str] or Out[bytes] (with others, every call fails on Azure)"
    return None


def read_trigger(function: Function, environ: Mapping[str, str]) -> KafkaTrigger:
    """The Kafka trigger of a function.

    Raises:
        StartupError: It names a setting that does not exist, no topic or no broker, or a value is unknown.
    """
    trigger = function.trigger
    place = f"The Kafka trigger of {function.name}"
    client = _client(trigger, environ, place)
    return KafkaTrigger(
        function=function,
        topic=_needed(trigger, "topic", environ, place),
        group=_setting(trigger, "consumer_group", environ, place) or DEFAULT_GROUP,
        many=_word(trigger.cardinality) == "many",
        binary=_data_type(trigger) == "binary",
        client=client,
    )


def read_output(binding: Any, function: str, environ: Mapping[str, str]) -> KafkaOutput:
    """A Kafka output binding of a function.

    Raises:
        StartupError: It names a setting that does not exist, no topic or no broker, or a value is unknown.
    """
    place = f"The Kafka output {binding.name} of {function}"
    producer = {name: getattr(binding, each, None) for each, name in _PRODUCER.items()}
    given = {name: _plain(value) for name, value in producer.items() if value is not None}
    return KafkaOutput(_needed(binding, "topic", environ, place), {**_client(binding, environ, place), **given})


def _client(binding: Any, environ: Mapping[str, str], place: str) -> dict[str, Any]:
    brokers = _needed(binding, "broker_list", environ, place)
    if hubs := _setting(binding, "event_hub_connection_string", environ, place):
        return {
            "bootstrap.servers": brokers if ":" in brokers else f"{brokers}:9093",
            "security.protocol": "sasl_ssl",
            "sasl.mechanism": "PLAIN",
            "sasl.username": "$ConnectionString",
            "sasl.password": hubs,
        }
    protocol = _choice(binding, "protocol", _PROTOCOLS, place)
    mode = _choice(binding, "authentication_mode", _MODES, place)
    texts = {name: _setting(binding, each, environ, place) for each, name in _TEXTS.items()}
    settings = {"bootstrap.servers": brokers, "security.protocol": protocol, "sasl.mechanism": mode, **texts}
    return {name: value for name, value in settings.items() if value}


def _needed(binding: Any, name: str, environ: Mapping[str, str], place: str) -> str:
    text = _setting(binding, name, environ, place)
    if not text:
        raise StartupError(f"{place} has no {name}.")
    return text


def _setting(binding: Any, name: str, environ: Mapping[str, str], place: str) -> str:
    """A text with ``%SETTING%`` replaced; a text that is itself the name of a setting stands for its value."""
    text = str(getattr(binding, name, None) or "").strip()
    resolved = resolve(text, environ, place)
    if not text or name == "topic" or resolved != text:
        return resolved.strip()
    named = {key.lower(): value for key, value in environ.items()}
    return named.get(text.lower(), text).strip()


def _choice(binding: Any, name: str, known: Mapping[str, str], place: str) -> str:
    word = _word(getattr(binding, name, None))
    if word in ("", "notset"):
        return ""
    if word not in known:
        raise StartupError(f"{place}: {name} must be one of {', '.join(known)}.")
    return known[word]


def _data_type(binding: Any) -> str:
    return _word(getattr(binding, "_data_type", None))


def _word(value: Any) -> str:
    """An enum of azure.functions, or a text, in lower case."""
    return "" if value is None else str(getattr(value, "name", value)).lower()


def _plain(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
