"""Other systems: portals, reviewers and the payer's membership system, as they put resources on the FHIR server and
publish events. Ids are made of what they are for, so that saying it again is the same event."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID, uuid5

import httpx
from confluent_kafka import Consumer, TopicPartition

from adapters.events.kafka import KafkaPublisher
from domain.events.catalog import EventType
from domain.events.cloud_event import CloudEvent
from settings import Settings
from stack import Servers

_NAMESPACE: Final = UUID("a31c5a0e-0f5b-5b8e-8d0e-5d3d6b1e7c42")


class Outside:
    """Says things to the engine behind ``servers``."""

    def __init__(self, servers: Servers) -> None:
        headers = {"Content-Type": "application/fhir+json"}
        self._fhir = httpx.Client(base_url=servers.fhir_url, headers=headers, timeout=60, trust_env=False)
        self._brokers = {"bootstrap.servers": servers.kafka_brokers, "log_level": 0}
        self._publisher = KafkaPublisher(self._brokers, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections."""
        self._fhir.close()
        asyncio.run(self._publisher.aclose())

    def read(self, name: str) -> dict[str, Any]:
        """The resource ``Type/id``."""
        answer = self._fhir.get(f"/{name}")
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body

    def put(self, resource: dict[str, Any]) -> str:
        """Put a resource on the FHIR server; returns ``Type/id``."""
        name = f"{resource['resourceType']}/{resource['id']}"
        self._fhir.put(f"/{name}", json=resource).raise_for_status()
        return name

    def hold(self, what: str, content: bytes, owner: str) -> str:
        """Put ``content`` there for ``owner`` (``Type/id``), as the Binary that an event will name."""
        return self.put(
            {
                "resourceType": "Binary",
                "id": str(uuid5(_NAMESPACE, what)),
                "contentType": "application/fhir+json",
                "securityContext": {"reference": owner},
                "data": base64.b64encode(content).decode(),
            }
        )

    def publish(self, event: EventType, source: str, what: str, key: str, data: Mapping[str, Any]) -> None:
        """Publish an event; returns when the broker has it."""
        name = str(uuid5(_NAMESPACE, f"{what} {event.name}"))
        said = CloudEvent(id=name, source=source, type=event.name, dataschema=event.schema, data=dict(data))
        asyncio.run(self._publisher.publish(event.topic, key, said))

    def wait_read(self, topic: str, seconds: float) -> bool:
        """Return when the engine has dealt with all that ``topic`` holds now. ``False``: it has not in time."""
        group = Settings.model_fields["kafka_group"].default
        consumer = Consumer({**self._brokers, "group.id": group, "enable.auto.commit": False})
        limit = time.monotonic() + seconds
        try:
            found = consumer.list_topics(topic, seconds).topics[topic].partitions
            partitions = [TopicPartition(topic, number) for number in found]
            ends = {each.partition: consumer.get_watermark_offsets(each, seconds)[1] for each in partitions}
            while any(each.offset < ends[each.partition] > 0 for each in consumer.committed(partitions, seconds)):
                if time.monotonic() > limit:
                    return False
                time.sleep(0.1)
        finally:
            consumer.close()
        return True
