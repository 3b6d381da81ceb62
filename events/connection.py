"""How the tool reaches the cluster and the registry: arguments, else the environment, else the local stack.

The cluster is reached with the engine's own settings. The registry is none of the engine's business, so where it is
stands in two variables of the tool alone: ``WORKFLOW_REGISTRY_URL`` and ``WORKFLOW_REGISTRY_AUTH`` (``key:secret``).
"""

from __future__ import annotations

import os
from typing import Final

from adapters.events import security
from events.cluster import Cluster
from events.registry import Registry
from settings import PREFIX, settings
from stack.options import REGISTRY_PORT

LOCAL_REGISTRY: Final = f"http://127.0.0.1:{REGISTRY_PORT}/apis/ccompat/v7"


def registry_url() -> str:
    """Where the registry is, if no argument says so."""
    return os.environ.get(f"{PREFIX}REGISTRY_URL") or LOCAL_REGISTRY


def registry(url: str) -> Registry:
    """The registry, signed in to as the environment says."""
    return Registry(url, os.environ.get(f"{PREFIX}REGISTRY_AUTH", ""))


def cluster(brokers: str) -> Cluster:
    """The cluster, signed in to as the engine does. Raises ``SettingsError``."""
    return Cluster(security.brokers(settings().model_copy(update={"kafka_brokers": brokers})))
