"""Events out through Azure Event Hubs, over AMQP. One hub a topic; the key of an event is its partition key.

CloudEvents 1.0 in AMQP binary mode. Attributes are application properties with the prefix ``cloudEvents_``: the binding
allows ``cloudEvents:`` too, but prefers the underscore, as JMS clients cannot name the other.
https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/amqp-protocol-binding.md#3131-amqp-application-property-names
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubProducerClient
from azure.eventhub.exceptions import AuthenticationError, EventHubError

from adapters.outage import Outage
from domain.errors import Defect, Unavailable
from domain.events.catalog import Topic
from domain.events.cloud_event import JSON_TYPE, CloudEvent, to_value

PREFIX: Final = "cloudEvents_"
RETRIES: Final = 2
BACKOFF_SECONDS: Final = 0.2
HINTS: Final = 1000
"""Hints under way at most; more are dropped."""


class EventHubsPublisher:
    """``Publisher`` for a namespace. The clients belong to the loop that first uses them.

    ``connection``: connection string of the namespace, with the claim Send. A send ends with the disposition of the
    service, which has then stored the event in all its copies.
    """

    def __init__(self, connection: str, *, timeout: float = 10.0, probe: str = Topic.EVENTS) -> None:
        """``timeout``: seconds for one call, retries included; ``probe``: the hub that ``ready`` asks about."""
        # The library warns of every retry; ``Outage`` says it once.
        logging.getLogger("azure.eventhub").setLevel(logging.CRITICAL)
        self._connection = connection
        self._timeout = timeout
        self._probe = probe
        self._clients: dict[str, EventHubProducerClient] = {}
        self._hints: set[asyncio.Task[None]] = set()
        self._outage = Outage("Event Hubs", "Workflows wait with their events and publish them when it answers.")

    async def publish(self, topic: str, key: str, event: CloudEvent) -> None:
        """See ``Publisher.publish``. Raises ``Defect('event-too-large')`` for what no other try would get through."""
        await self._send(topic, key, to_message(event))

    async def forget(self, topic: str, key: str) -> None:
        """See ``Publisher.forget``: an event without data, which the service takes for a tombstone.
        https://learn.microsoft.com/azure/event-hubs/log-compaction#tombstones"""
        await self._send(topic, key, EventData(b""))

    def hint(self, topic: str, key: str, event: CloudEvent) -> None:
        """See ``Publisher.hint``. Dropped where no event loop runs, or when too many are under way."""
        if len(self._hints) >= HINTS:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        task = loop.create_task(self._try(topic, key, event))
        self._hints.add(task)
        task.add_done_callback(self._hints.discard)

    async def ready(self) -> None:
        """See ``Publisher.ready``."""
        async with self._failures(self._probe):
            await self._client(self._probe).get_eventhub_properties()

    async def aclose(self) -> None:
        """See ``Publisher.aclose``."""
        if self._hints:
            await asyncio.wait(set(self._hints), timeout=self._timeout)
        for topic in list(self._clients):
            await self._drop(topic)

    async def _try(self, topic: str, key: str, event: CloudEvent) -> None:
        try:
            await self.publish(topic, key, event)
        except (Unavailable, Defect):
            return

    async def _send(self, topic: str, key: str, message: EventData) -> None:
        async with self._failures(topic):
            client = self._client(topic)
            # A batch of one knows the limit of the link: what is too large is told here, not by a link that breaks.
            batch = await client.create_batch(partition_key=key)
            try:
                batch.add(message)
            except ValueError:
                raise Defect("event-too-large", f"an event for {topic} is over the limit of the hub") from None
            await client.send_batch(batch)

    @asynccontextmanager
    async def _failures(self, topic: str) -> AsyncIterator[None]:
        """Bound a call, and tell what comes of it. After a failure the next call connects anew."""
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except (EventHubError, OSError, TimeoutError) as error:
            await self._drop(topic)
            raise self._outage.failed(Unavailable("events", _reason(error))) from None
        self._outage.answered()

    def _client(self, topic: str) -> EventHubProducerClient:
        if topic not in self._clients:
            self._clients[topic] = EventHubProducerClient.from_connection_string(
                self._connection, eventhub_name=topic, retry_total=RETRIES, retry_backoff_factor=BACKOFF_SECONDS
            )
        return self._clients[topic]

    async def _drop(self, topic: str) -> None:
        if (client := self._clients.pop(topic, None)) is not None:
            await client.close()


def to_message(event: CloudEvent) -> EventData:
    """The AMQP message of an event."""
    attributes = event.model_dump(mode="json", exclude={"data"}, exclude_none=True)
    message = EventData(to_value(event))
    message.properties = {PREFIX + name: str(value) for name, value in attributes.items()}
    message.content_type = JSON_TYPE
    return message


def _reason(error: Exception) -> str:
    """Of the error its kind only: its text quotes addresses."""
    if isinstance(error, AuthenticationError):
        return "Event Hubs refuses the connection string"
    return f"Event Hubs does not take the event ({type(error).__name__})"
