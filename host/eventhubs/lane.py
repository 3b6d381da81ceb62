"""One partition: what waits for the function, and how much of it makes a call.

Batches are those of ``PartitionProcessor`` of the extension 6: ``minEventBatchSize`` events at least, unless they have
waited for ``maxWaitTime``, or the partition has just been taken.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from host.eventhubs.section import EventHubsSection


@dataclass(eq=False)
class Lane:
    """The events of one partition are delivered one call after the other."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: deque[Any] = field(default_factory=deque)
    since: float = 0.0
    """When the first of the waiting events came (monotonic seconds)."""
    calls: int = 0
    """Since the last checkpoint."""
    called: bool = False
    last: Any = None
    """The last event that was done."""

    def admit(self, events: Sequence[Any]) -> None:
        """Take events, without those that a reconnected receiver brings a second time."""
        known = self.waiting[-1] if self.waiting else self.last
        for event in events:
            if known is None or event.sequence_number > known.sequence_number or _is_later(event, known):
                self.since = self.since if self.waiting else time.monotonic()
                self.waiting.append(event)

    def take(self, section: EventHubsSection, many: bool) -> list[Any]:
        """The events of the next call; empty: wait for more."""
        enough = not many or len(self.waiting) >= section.min_event_batch_size or not self.called
        if not enough and time.monotonic() - self.since < section.max_wait_time.total_seconds():
            return []
        most = section.max_event_batch_size if many else 1
        return [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]


def _is_later(event: Any, known: Any) -> bool:
    """Of a hub that was made anew, numbers begin again and times go on."""
    return bool(event.enqueued_time and known.enqueued_time and event.enqueued_time > known.enqueued_time)
