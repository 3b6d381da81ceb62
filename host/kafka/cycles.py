"""One round of consuming: as the extension does it, or as fast as it can be done.

``azure`` is ``KafkaListener.ProcessSubscription``: a batch is handed on when it is full or when a window of
``subscriberIntervalInSeconds`` ends, and while there is no room for it nothing is polled: a function that blocks longer
than ``maxPollIntervalMs`` loses its partitions. ``fixed`` hands on what a poll gives, at once, and pauses partitions
instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from host.kafka.record import Record
from host.kafka.section import KafkaSection
from host.kafka.subscriber import IDLE_BACKOFF, NAP, PAUSED_NAP, Subscriber

Cycle = Callable[[Subscriber], None]

BUFFERED_BATCHES = 16
"""``fixed``: batches of a partition that may wait before it is paused."""


def azure(section: KafkaSection) -> Cycle:
    """The extension's round."""

    def cycle(subscriber: Subscriber) -> None:
        end = time.monotonic() + section.subscriber_interval_in_seconds
        batch, flushed = list[Record](), False
        while (left := end - time.monotonic()) > 0 and not subscriber.quiet.is_set():
            batch += subscriber.poll(min(left, NAP), section.max_batch_size - len(batch))
            if len(batch) >= section.max_batch_size:
                _hand_on(subscriber, batch, section)
                batch, flushed = [], True
        if batch:
            _hand_on(subscriber, batch, section)
        if not flushed:
            subscriber.quiet.wait(IDLE_BACKOFF)

    return cycle


def fixed(section: KafkaSection) -> Cycle:
    """The quick round."""
    high = section.max_batch_size * BUFFERED_BATCHES

    def cycle(subscriber: Subscriber) -> None:
        records = subscriber.poll(PAUSED_NAP if subscriber.paused else NAP, section.max_batch_size)
        if records:
            subscriber.listener.offer(records)
        subscriber.balance(high)

    return cycle


def _hand_on(subscriber: Subscriber, batch: Sequence[Record], section: KafkaSection) -> None:
    while not subscriber.listener.offer(batch) and not subscriber.quiet.is_set():
        time.sleep(section.channel_full_retry_interval / 1000)
        subscriber.store()
