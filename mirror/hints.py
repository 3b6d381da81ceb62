"""Process events as hints: the key of each record of ``process.steps`` is a case in which something happened."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException

from domain.events.catalog import Topic

LOG: Final = logging.getLogger("workflow.mirror")
GROUP: Final = "workflow-engine-mirror"
BATCH: Final = 500


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
            "error_cb": lambda _: None,
        }
        self._take = take
        self._stop = threading.Event()

    async def run(self) -> None:
        """Until it is cancelled."""
        loop = asyncio.get_running_loop()
        try:
            await asyncio.to_thread(self._read, loop)
        finally:
            self._stop.set()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        consumer = Consumer(self._config)
        try:
            consumer.subscribe([str(Topic.STEPS)])
            while not self._stop.is_set():
                for record in consumer.consume(BATCH, timeout=0.25):
                    key = record.key()
                    if record.error() is None and isinstance(key, bytes):
                        loop.call_soon_threadsafe(self._take, key.decode(errors="replace"))
        except (KafkaException, RuntimeError) as error:
            LOG.warning("no hints come any more (%s): the sweep alone finds what has changed", type(error).__name__)
        finally:
            consumer.close()
