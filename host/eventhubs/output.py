"""Event Hubs outputs: an invocation succeeds when the service has what the function put out, as in the extension."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubProducerClient
from azure.eventhub.exceptions import EventHubError

from host.call import Outputs
from host.eventhubs.binding import EventHub
from host.functions import Function
from host.invocation import FunctionFailed

log = logging.getLogger("host.eventhubs")

RETRIES = 3
BACKOFF_SECONDS = 0.2


class Producers:
    """One producer a hub."""

    def __init__(self, outputs: Mapping[tuple[str, str], EventHub]) -> None:
        self._outputs = outputs
        self._clients: dict[EventHub, EventHubProducerClient] = {}

    async def send(self, function: Function, values: Outputs) -> None:
        """Send what a function put into its outputs of Event Hubs.

        Raises:
            FunctionFailed: An event is too large, or the service does not take it.
        """
        for name, value in values.items():
            hub = self._outputs.get((function.name, name))
            if hub is not None:
                await self._send(function, hub, events(value))

    async def close(self) -> None:
        """Hang up."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()

    async def _send(self, function: Function, hub: EventHub, contents: Sequence[str | bytes]) -> None:
        client = self._client(hub)
        try:
            batch = await client.create_batch()
            for content in contents:
                if not _add(batch, content):
                    await client.send_batch(batch)
                    batch = await client.create_batch()
                    batch.add(EventData(content))
            if len(batch):
                await client.send_batch(batch)
        except (EventHubError, OSError, TimeoutError, ValueError) as error:
            kind = type(error).__name__
            log.error("%s: an output for %s was not taken (%s)", function.name, hub.name, kind)
            raise FunctionFailed(kind, "the output was not taken") from error

    def _client(self, hub: EventHub) -> EventHubProducerClient:
        if hub not in self._clients:
            self._clients[hub] = EventHubProducerClient.from_connection_string(
                hub.connection, eventhub_name=hub.name, retry_total=RETRIES, retry_backoff_factor=BACKOFF_SECONDS
            )
        return self._clients[hub]


def events(value: str | bytes) -> list[str | bytes]:
    """The events of an output: a JSON array is one for each element (``FunctionBinding.ReadAsEnumerable``)."""
    if isinstance(value, str) and value.strip().startswith("["):
        with contextlib.suppress(ValueError):
            content: list[Any] = json.loads(value)
            return [each if isinstance(each, str) else json.dumps(each, separators=(",", ":")) for each in content]
    return [value]


def _add(batch: Any, content: str | bytes) -> bool:
    """Whether it fits; an event that no batch can hold raises ValueError when it is added to an empty one."""
    try:
        batch.add(EventData(content))
    except ValueError:
        if len(batch) == 0:
            raise
        return False
    return True
