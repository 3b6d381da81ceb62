"""Process events as hints: the key of each record of ``process.steps`` is a case in which something happened."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException

from adapters.events.security import away
from adapters.outage import Outage
from domain.events.catalog import Topic

GROUP: Final = "workflow-engine-mirror"
BATCH: Final = 500
POLL: Final = 0.25
"""Seconds after which an idle thread looks whether it is still wanted."""
PAUSE: Final = 5.0
"""Seconds before reading is begun anew that has failed."""


class Hints:
    """Reads the topic in a thread of its own and calls ``take`` in the loop. The sweep finds what hints that were lost
    would have told: nothing that goes wrong here is more than a delay."""

    def __init__(self, brokers: Mapping[str, Any], take: Callable[[str], None]) -> None:
        """``brokers``: see ``adapters.events.security``."""
        self._config = {
            **brokers,
            "group.id": GROUP,
            "enable.auto.commit": True,
            "auto.offset.reset": "latest",  # the sweep knows what was before
            "error_cb": self._failed,
        }
        self._take = take
        self._stop = threading.Event()
        self._outage = Outage("The log of process events", "The sweep alone finds what has changed.")

    async def run(self) -> None:
        """Until it is cancelled."""
        reading = asyncio.ensure_future(asyncio.to_thread(self._run, asyncio.get_running_loop()))
        try:
            await asyncio.shield(reading)
        finally:
            self._stop.set()
            await asyncio.wait({reading})

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stop.is_set():
            try:
                self._read(loop)
            except KafkaException as error:
                self._failed(error.args[0])
                self._stop.wait(PAUSE)

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        consumer = Consumer(self._config)
        try:
            consumer.subscribe([str(Topic.STEPS)])
            while not self._stop.is_set():
                for record in consumer.consume(BATCH, timeout=POLL):
                    if (error := record.error()) is not None:
                        self._failed(error)
                        continue
                    self._outage.answered()
                    if isinstance(key := record.key(), bytes):
                        loop.call_soon_threadsafe(self._take, key.decode(errors="replace"))
        finally:
            consumer.close()

    def _failed(self, error: KafkaError) -> None:
        """The library goes on trying by itself; it is told once."""
        self._outage.failed(away(error))
