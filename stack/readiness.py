"""Whether a server takes requests: each check speaks the server's own protocol and gives up after two seconds."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import httpx
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

Ready = Callable[[], bool]

_SECONDS: Final = 2.0
_TICK: Final = 0.2


def http(url: str) -> Ready:
    """Ready when ``url`` answers 200."""
    return partial(_answers, url)


def kafka(brokers: str) -> Ready:
    """Ready when the broker at ``brokers`` (``host:port``) names itself among the cluster's brokers."""
    return partial(_serves, brokers)


def camunda(url: str) -> Ready:
    """Ready when every partition of the cluster, as the gateway at ``url`` sees it, has a leader."""
    return partial(_led, f"{url}/v2/topology")


class Watch:
    """Asks ``ready`` over and over in a thread of its own, so that a check that hangs holds up nothing else."""

    def __init__(self, ready: Ready) -> None:
        self._ready = ready
        self._found = threading.Event()
        self._over = threading.Event()
        self.thread = threading.Thread(target=self._ask, daemon=True)
        self.thread.start()

    @property
    def ready(self) -> bool:
        """Whether the server was once ready."""
        return self._found.is_set()

    def ready_within(self, seconds: float) -> bool:
        """Wait for it."""
        return self._found.wait(seconds)

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()

    def _ask(self) -> None:
        while not self._over.is_set():
            if self._ready():
                self._found.set()
                return
            self._over.wait(_TICK)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=_SECONDS, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _serves(brokers: str) -> bool:
    host, _, port = brokers.rpartition(":")
    try:  # at once instead of the client's own retries, while nobody listens
        socket.create_connection((host, int(port)), _SECONDS).close()
    except OSError:
        return False
    client = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    try:
        return any(broker.port == int(port) for broker in client.list_topics(timeout=_SECONDS).brokers.values())
    except KafkaException:
        return False


def _led(url: str) -> bool:
    try:
        answer = httpx.get(url, timeout=_SECONDS, trust_env=False)
    except httpx.TransportError:
        return False
    if answer.status_code != 200:
        return False
    topology: dict[str, Any] = answer.json()
    partitions = [each for broker in topology["brokers"] for each in broker["partitions"]]
    led = {each["partitionId"] for each in partitions if each["role"] == "leader"}
    return bool(led) and len(led) == topology["partitionsCount"]
