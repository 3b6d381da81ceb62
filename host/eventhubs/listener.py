"""One Event Hubs function with its consumer: started, watched and stopped.

azure-eventhub 5.15 reports no outage: a receiver that cannot connect again is taken for closed and begun anew, 20 times
a second, without a call of ``on_error``. So a watch asks the service every few seconds whether it answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from azure.eventhub.aio import EventHubConsumerClient
from azure.eventhub.exceptions import EventHubError

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
"""A look takes a short connection."""
AWAY_LOOK_SECONDS = 1.0
ENDS_EVERY = 6
"""Looks to one that also asks for the ends of all partitions, with a connection for each."""
CANCEL_SECONDS = 2.0
"""What a look gets to end by itself, and how soon a task is cancelled again."""
RETRIES = 1
BACKOFF_SECONDS = 0.2
_CONDITION = re.compile(r"(amqp|com\.microsoft):[a-z:-]+")


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
        self._deliverer = Deliverer(trigger, section, compat, invoker, clock, deliveries, self._moved)
        self._done: dict[str, int] = {}
        """Sequence number of the last event that is done, by partition."""
        self._ends: dict[str, int] = {}
        """Sequence number of the last event, by partition."""
        self._away = False
        self._complaint: Exception | None = None
        self._complained = asyncio.Event()
        self._said = ""
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._client = _client(trigger, checkpoints)

    def start(self) -> None:
        """Begin to receive."""
        self._tasks = [asyncio.create_task(self._always(part)) for part in (self._receive, self._watch)]

    async def stop(self) -> None:
        """Begin no call any more, let running ones end and their checkpoints be written, then hang up."""
        await self._deliverer.stop()
        self._stopping = True
        self._complained.set()
        # A look may end by itself: the library leaves a connection open whose opening is cut short.
        await asyncio.wait(self._tasks[1:], timeout=CANCEL_SECONDS)
        await _end(self._tasks)
        await self._client.close()
        self._deliveries.place(self._name, ())
        self._deliveries.back(self._name)

    async def _always(self, part: Callable[[], Awaitable[None]]) -> None:
        """Run a part until the stop: anew after an error that nobody foresaw."""
        while not self._stopping:
            try:
                await part()
            except Exception as error:
                reason = f"its consumer failed ({_reason(error)}) and is begun anew"
                log.error("%s: %s", self._name, reason)
                self._away = True
                self._deliveries.away(self._name, now(), reason)
            await asyncio.sleep(AWAY_LOOK_SECONDS)

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
        """A receiver ended; the library begins another. The watch finds out whether the service is away."""
        self._complaint = error
        self._complained.set()

    def _moved(self, partition: str, number: int) -> None:
        self._done[partition] = number
        self._ends[partition] = max(number, self._ends.get(partition, number))
        self._show()

    async def _watch(self) -> None:
        """Show how far the function has come, say what is wrong, and notice when the service answers again."""
        for number in itertools.count():
            if self._stopping:
                return
            try:
                await self._look(ends=number % ENDS_EVERY == 0)
            except (EventHubError, OSError, TimeoutError) as error:
                self._begin_outage(error)
            else:
                self._end_outage()
                self._complain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AWAY_LOOK_SECONDS if self._away else LOOK_SECONDS):
                    await self._complained.wait()
            self._complained.clear()

    async def _look(self, ends: bool) -> None:
        partitions = await self._client.get_partition_ids()
        if not ends:
            return
        for partition in partitions:
            told = await self._client.get_partition_properties(partition)
            self._ends[partition] = told["last_enqueued_sequence_number"]
            if told["is_empty"]:
                self._done.setdefault(partition, self._ends[partition])
        rows = self._checkpoints.read(self._trigger.hub.namespace, self._trigger.hub.name, self._trigger.group)
        self._done = {row["partition_id"]: row["sequence_number"] for row in rows} | self._done
        self._show()

    def _show(self) -> None:
        self._deliveries.place(
            self._name,
            [
                _position(self._name, self._trigger.hub.name, each, end, self._done.get(each))
                for each, end in self._ends.items()
            ],
        )

    def _complain(self) -> None:
        """Say why a receiver ended although the service answers: once, for two hosts may oust each other for ever."""
        if self._complaint is None:
            return
        reason, self._complaint = _reason(self._complaint), None
        if reason != self._said:
            log.warning("%s: a receiver ended (%s) and is begun anew", self._name, reason)
            self._said = reason

    def _begin_outage(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            self._complaint = None
            reason = _reason(error)
            log.warning(
                "%s receives nothing: Event Hubs does not answer (%s); the host keeps trying", self._name, reason
            )
            self._deliveries.away(self._name, now(), f"Event Hubs does not answer ({reason})")

    def _end_outage(self) -> None:
        if self._away:
            self._away, self._complaint, self._said = False, None, ""
            log.warning("%s: Event Hubs answers again", self._name)
            self._deliveries.back(self._name)


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel until it is heard: ``asyncio.wait_for`` of Python 3.11, in the library too, swallows it at times."""
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=CANCEL_SECONDS)


def _client(trigger: EventHubTrigger, checkpoints: Checkpoints) -> EventHubConsumerClient:
    return EventHubConsumerClient.from_connection_string(
        trigger.hub.connection,
        consumer_group=trigger.group,
        eventhub_name=trigger.hub.name,
        checkpoint_store=checkpoints,
        load_balancing_interval=CLAIM_SECONDS,
        retry_total=RETRIES,
        retry_backoff_factor=BACKOFF_SECONDS,
    )


def _position(function: str, hub: str, partition: str, end: int, done: int | None) -> Position:
    """``end`` and ``done`` are the last event and the last one done; None: not known before the first is done."""
    if done is None:
        return Position(function=function, source=hub, partition=partition, position=None, lag=None)
    return Position(function=function, source=hub, partition=partition, position=done + 1, lag=max(0, end - done))


def _reason(error: Exception) -> str:
    """Kind and AMQP condition; the text quotes addresses."""
    condition = _CONDITION.search(str(error))
    return f"{type(error).__name__}, {condition.group()}" if condition else type(error).__name__
