"""How the tool reaches the cluster and the registry: arguments, else the environment, else the local stack.

The cluster is reached with the engine's own settings. The registry is none of the engine's business, so where it is
stands in two variables of the tool alone: ``WORKFLOW_REGISTRY_URL`` and ``WORKFLOW_REGISTRY_AUTH`` (``key:secret``).
"""

from __future__ import annotations

import os
from typing import Final

from events.cluster import Cluster
from events.registry import Registry
from settings import PREFIX, Settings
from stack.options import REGISTRY_PORT

LOCAL_REGISTRY: Final = f"http://127.0.0.1:{REGISTRY_PORT}/apis/ccompat/v7"
_PROTOCOLS: Final = {"Plaintext": "plaintext", "Ssl": "ssl", "SaslPlaintext": "sasl_plaintext", "SaslSsl": "sasl_ssl"}
_MECHANISMS: Final = {"Plain": "PLAIN", "ScramSha256": "SCRAM-SHA-256", "ScramSha512": "SCRAM-SHA-512"}


def registry_url() -> str:
    """Where the registry is, if no argument says so."""
    return os.environ.get(f"{PREFIX}REGISTRY_URL") or LOCAL_REGISTRY


def registry(url: str) -> Registry:
    """The registry, signed in to as the environment says."""
    return Registry(url, os.environ.get(f"{PREFIX}REGISTRY_AUTH", ""))


def cluster(brokers: str, known: Settings) -> Cluster:
    """The cluster, signed in to as the engine does."""
    return Cluster(client(brokers, known))


def client(brokers: str, known: Settings) -> dict[str, str]:
    """The settings of librdkafka that connect."""
    reach = {"bootstrap.servers": brokers, "security.protocol": _PROTOCOLS[known.kafka_protocol]}
    if not known.kafka_protocol.startswith("Sasl"):
        return reach
    return {
        **reach,
        "sasl.mechanism": _MECHANISMS[known.kafka_mechanism],
        "sasl.username": known.kafka_username,
        "sasl.password": known.kafka_password.get_secret_value(),
    }
