"""How this app reaches its brokers: what every client of librdkafka is given, and what its errors mean."""

from __future__ import annotations

from typing import Any, Final

from confluent_kafka import KafkaError

from domain.errors import Unavailable
from settings import Settings

MISSING: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.TOPIC_EXCEPTION,
    }
)
"""Codes that say that there is no such topic or partition."""

REFUSED: Final = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)
"""Codes that say that the brokers know us not, or let us not."""

_PROTOCOLS: Final = {"Plaintext": "plaintext", "Ssl": "ssl", "SaslPlaintext": "sasl_plaintext", "SaslSsl": "sasl_ssl"}
_MECHANISMS: Final = {"Plain": "PLAIN", "ScramSha256": "SCRAM-SHA-256", "ScramSha512": "SCRAM-SHA-512"}


def brokers(values: Settings) -> dict[str, Any]:
    """Settings of librdkafka for the brokers that ``values`` name. The settings are spelled as the Kafka trigger's are.

    https://github.com/confluentinc/librdkafka/blob/v2.16.0/CONFIGURATION.md. Event Hubs drops what is silent for four
    minutes: https://learn.microsoft.com/azure/event-hubs/apache-kafka-configurations
    """
    given: dict[str, Any] = {
        "bootstrap.servers": values.kafka_brokers,
        "client.id": "workflow-engine",
        "security.protocol": _PROTOCOLS[values.kafka_protocol],
        "socket.keepalive.enable": True,
        "metadata.max.age.ms": 180_000,
        "reconnect.backoff.max.ms": 1_000,
        "log_level": 0,  # whoever calls says what is wrong, once
    }
    if values.kafka_protocol.startswith("Sasl"):
        given |= {
            "sasl.mechanisms": _MECHANISMS[values.kafka_mechanism],
            "sasl.username": values.kafka_username,
            "sasl.password": values.kafka_password.get_secret_value(),
        }
    return given


def away(error: KafkaError) -> Unavailable:
    """What callers are told of ``error``: its name alone."""
    if error.code() in REFUSED:
        return Unavailable("events", f"the brokers refuse the sign-in or its rights ({error.name()})")
    return Unavailable("events", f"the brokers did not take or give it in time ({error.name()})")
