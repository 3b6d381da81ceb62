"""One Event Hubs function with its consumer: started, watched and stopped."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from azure.eventhub.aio import EventHubConsumerClient

from host.clock import Clock
from host.deliveries import Deliveries, Position, now
from host.eventhubs.binding import EventHubTrigger
from host.eventhubs.checkpoints import Checkpoints
from host.eventhubs.delivery import Deliverer
from host.eventhubs.section import EventHubsSection
from host.invoker import AppInvoker
from host.options import Compat

log = logging.getLogger("host.eventhubs")

CLAIM_SECONDS = 2.0
"""How soon a partition is received again after its receiver ended."""
LOOK_SECONDS = 5.0
AWAY_LOOK_SECONDS = 1.0
RETRIES = 1
BACKOFF_SECONDS = 0.2


class EventHubListener:
    """Receives for one function, from all partitions of its hub."""

    def __init__(
        self,
        trigger: EventHubTrigger,
        section: EventHubsSection,
        compat: Compat,
        invoker: AppInvoker,
        clock: Clock,
        deliveries: Deliveries,
        checkpoints: Checkpoints,
    ) -> None:
        self._name = trigger.function.name
        self._trigger = trigger
        self._section = section
        self._deliveries = deliveries
        self._checkpoints = checkpoints
        self._deliverer = Deliverer(trigger, section, compat, invoker, clock, deliveries)
        self._away = False
        self._tasks: list[asyncio.Task[None]] = []
        self._client = EventHubConsumerClient.from_connection_string(
            trigger.hub.connection,
            consumer_group=trigger.group,
            eventhub_name=trigger.hub.name,
            checkpoint_store=checkpoints,
            load_balancing_interval=CLAIM_SECONDS,
            retry_total=RETRIES,
            retry_backoff_factor=BACKOFF_SECONDS,
        )

    def start(self) -> None:
        """Begin to receive."""
        self._tasks = [asyncio.create_task(self._receive()), asyncio.create_task(self._watch())]

    async def stop(self) -> None:
        """Begin no call any more, let running ones end and their checkpoints be written, then hang up."""
        await self._deliverer.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()
        self._deliveries.place(self._name, ())
        self._deliveries.back(self._name)

    async def _receive(self) -> None:
        waits = self._trigger.many and self._section.min_event_batch_size > 1
        offset = self._section.initial_offset_options
        await self._client.receive_batch(
            self._deliverer.receive,
            max_batch_size=self._section.max_event_batch_size,
            max_wait_time=max(self._section.max_wait_time.total_seconds(), 0.05) if waits else None,
            prefetch=self._section.prefetch_count,
            starting_position=offset.position,
            starting_position_inclusive=offset.type == "fromEnqueuedTime",
            on_error=self._failed,
            on_partition_initialize=self._deliverer.reset,
        )

    async def _failed(self, _: Any, error: Exception) -> None:
        """The library goes on by itself; a link that another receiver took over is no outage."""
        if "link:stolen" in str(error):
            log.warning("%s: another receiver of its consumer group has taken over a partition", self._name)
        else:
            self._begin_outage(error)

    async def _watch(self) -> None:
        """Show how far the function has come, and notice when the service answers again."""
        while True:
            try:
                positions = await self._positions()
            except Exception as error:  # whatever it is, the next look tells whether it lasts
                self._begin_outage(error)
            else:
                self._end_outage()
                self._deliveries.place(self._name, positions)
            await asyncio.sleep(AWAY_LOOK_SECONDS if self._away else LOOK_SECONDS)

    async def _positions(self) -> list[Position]:
        told = [await self._client.get_partition_properties(each) for each in await self._client.get_partition_ids()]
        hub, group = self._trigger.hub.name, self._trigger.group
        rows = self._checkpoints.read(self._client.fully_qualified_namespace, hub, group)
        done = {row["partition_id"]: row["sequence_number"] + 1 for row in rows}
        return [
            Position(
                function=self._name,
                source=hub,
                partition=each["id"],
                position=done.get(each["id"]),
                lag=_lag(done.get(each["id"]), each),
            )
            for each in told
        ]

    def _begin_outage(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            kind = type(error).__name__
            log.warning("%s receives nothing: Event Hubs does not answer (%s); the host keeps trying", self._name, kind)
            self._deliveries.away(self._name, now())

    def _end_outage(self) -> None:
        if self._away:
            self._away = False
            log.warning("%s: Event Hubs answers again", self._name)
            self._deliveries.back(self._name)


def _lag(position: int | None, told: dict[str, Any]) -> int | None:
    """Events that wait; None: where the function stands is not known before its first checkpoint."""
    if told["is_empty"]:
        return 0
    return None if position is None else max(0, told["last_enqueued_sequence_number"] + 1 - position)
