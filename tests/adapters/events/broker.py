"""A real broker for the tests of this folder, with topics of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from confluent_kafka.admin import AdminClient, NewTopic

import stack
from adapters.events.security import brokers
from settings import Settings
from tests.ports import free_port
from tests.stack.servers import WAIT, kill, start


@dataclass(frozen=True)
class Broker:
    """One that runs."""

    options: stack.Options
    settings: Settings

    def topic(self, partitions: int = 3, **config: str) -> str:
        """A new topic, kept as the engine's are."""
        name = f"t-{uuid4().hex[:12]}"
        admin = AdminClient(brokers(self.settings))
        new = NewTopic(name, partitions, 1, config={"message.timestamp.type": "LogAppendTime", **config})
        admin.create_topics([new])[name].result(WAIT)
        return name

    def kill(self) -> None:
        """End it at once."""
        kill(self.options, "kafka")

    def start(self) -> None:
        """Start it again."""
        stack.up(self.options)


@contextmanager
def running(data: Path) -> Iterator[Broker]:
    """A broker until the block ends. Skips where no JDK or Maven is found."""
    options = stack.Options(data=data, only=("kafka",), kafka_port=free_port())
    address = start(options).kafka_brokers
    try:
        yield Broker(options, Settings(kafka_brokers=address))
    finally:
        stack.down(options)
