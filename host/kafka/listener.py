"""One Kafka function with its consumer: the parts put together, started and stopped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from concurrent.futures import TimeoutError as StillRunning
from datetime import timedelta
from typing import Any

from host.clock import Clock
from host.deliveries import Deliveries, Position, now
from host.invoker import AppInvoker
from host.kafka import cycles
from host.kafka.binding import KafkaTrigger
from host.kafka.delivery import Deliverer
from host.kafka.intake import Channel, Intake, Streams
from host.kafka.outage import Outage
from host.kafka.record import Held, Record
from host.kafka.section import KafkaSection
from host.kafka.subscriber import Subscriber
from host.options import Compat

FIXED_PAUSE = timedelta(seconds=1)
"""``fixed``: between two tries in place, where the extension makes none."""


class KafkaListener:
    """Consumes for one function. ``offer``, ``release`` and ``places`` are called from the consumer's thread."""

    def __init__(
        self,
        trigger: KafkaTrigger,
        section: KafkaSection,
        compat: Compat,
        invoker: AppInvoker,
        clock: Clock,
        deliveries: Deliveries,
    ) -> None:
        self._name = trigger.function.name
        self._deliveries = deliveries
        self._loop = asyncio.get_running_loop()
        azure = compat == "azure"
        cycle = (cycles.azure if azure else cycles.fixed)(section)
        outage = Outage(self._name, self._outage)
        self._subscriber = Subscriber(self._name, trigger.topic, _settings(trigger, section), cycle, outage)
        pause = timedelta(0) if azure else FIXED_PAUSE
        done = self._subscriber.done
        self._deliverer = Deliverer(trigger, section, invoker, clock, deliveries, done, pause)
        deliver = self._deliverer.deliver
        self._intake: Intake = (
            Channel(deliver, trigger.many, section.executor_channel_capacity)
            if azure
            else Streams(deliver, trigger.many, section.max_batch_size)
        )
        self._subscriber.listener = self

    def start(self) -> None:
        """Begin to consume."""
        self._subscriber.start()

    async def stop(self) -> None:
        """Deliver nothing more, let running functions end, commit what is done, leave the group."""
        self._subscriber.quiet.set()
        await self._deliverer.stop()
        self._subscriber.finished.set()
        await asyncio.to_thread(self._subscriber.join)
        self._deliveries.place(self._name, ())
        self._deliveries.back(self._name)

    def offer(self, records: Sequence[Record]) -> bool:
        """Take records; False: no room."""
        return self._intake.offer(records)

    def release(self, held: Sequence[Held], seconds: float) -> None:
        """Wait until nothing runs for these partitions, at most so long."""
        released = asyncio.run_coroutine_threadsafe(self._deliverer.released(held), self._loop)
        with contextlib.suppress(StillRunning):
            released.result(seconds)

    def places(self, places: Sequence[tuple[Held, int | None]]) -> None:
        """Show how far the function has come."""
        found = [_position(self._name, held, end) for held, end in places]
        self._loop.call_soon_threadsafe(self._deliveries.place, self._name, found)

    def _outage(self, reason: str | None) -> None:
        if reason is None:
            self._loop.call_soon_threadsafe(self._deliveries.back, self._name)
        else:
            self._loop.call_soon_threadsafe(self._deliveries.away, self._name, now(), reason)


def _settings(trigger: KafkaTrigger, section: KafkaSection) -> dict[str, Any]:
    """Of librdkafka."""
    return section.librdkafka() | {
        **trigger.client,
        "group.id": trigger.group,
        "enable.auto.commit": True,
        "enable.auto.offset.store": False,
    }


def _position(function: str, held: Held, end: int | None) -> Position:
    return Position(
        function=function,
        source=held.topic,
        partition=str(held.partition),
        position=held.position,
        lag=None if end is None or held.position is None else max(0, end - held.position),
    )
