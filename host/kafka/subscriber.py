"""The thread that owns a consumer: it alone polls, stores offsets, pauses and commits.

confluent-kafka 2.16 lets one thread at a time into a consumer: a call from another one waits for the end of a poll.
So the listener only queues what is done, and this thread stores it between two polls.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from host.kafka.headers import headers
from host.kafka.outage import Outage, library_log
from host.kafka.positions import ends
from host.kafka.record import Held, Record

log = logging.getLogger("host.kafka")

NAP = 0.1
"""Longest poll, seconds: what is done waits at most so long to be stored."""
PAUSED_NAP = 0.005
"""While partitions are paused: how soon they go on."""
IDLE_BACKOFF = 0.05
"""Pause of the extension after a window that did not fill a batch."""
RELEASE = 5.0
"""Seconds that running functions get to end when their partitions are taken away."""
PLACES_EVERY = 1.0
FIRST_PAUSE = 1.0
"""Seconds before a consumer that failed is begun anew; doubled each time."""
LONGEST_PAUSE = 60.0
"""A consumer that ran so long before it failed counts as sound."""


class Listener(Protocol):
    """Who runs the functions; called from the consumer's thread."""

    def offer(self, records: Sequence[Record]) -> bool:
        """Take records; False: no room, offer again."""

    def release(self, held: Sequence[Held], seconds: float) -> None:
        """Return when nothing runs for these partitions any more, or when the time is over."""

    def places(self, places: Sequence[tuple[Held, int | None]]) -> None:
        """The partitions held, each with its end (the offset that the next record written gets)."""


class Subscriber(threading.Thread):
    """Consumes one topic for one function until told to finish, whatever happens."""

    def __init__(
        self, name: str, topic: str, settings: Mapping[str, Any], cycle: Callable[[Subscriber], None], outage: Outage
    ) -> None:
        super().__init__(name=f"kafka-{name}", daemon=True)
        self.listener: Listener
        """Set before the thread is started."""
        self.quiet = threading.Event()
        """Set: deliver nothing more."""
        self.finished = threading.Event()
        """Set: store what is done, commit, leave the group."""
        self.paused = False
        self._topic = topic
        self._cycle = cycle
        self._outage = outage
        self._done: deque[tuple[Held, int, int]] = deque()
        self._held: dict[int, Held] = {}
        self._placed = 0.0
        self._from_first = settings.get("auto.offset.reset") == "earliest"
        self._settings = {**settings, "error_cb": self._on_error}
        self._consumer = self._make()
        self._closed = False

    def done(self, held: Held, position: int, count: int) -> None:
        """Records of a partition are done up to ``position`` (exclusive). From any thread."""
        self._done.append((held, position, count))

    def run(self) -> None:
        """The thread."""
        pause = FIRST_PAUSE
        while True:
            begun = time.monotonic()
            if self._consume():
                return
            if time.monotonic() - begun > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            if self.quiet.wait(pause):
                return
            pause = min(2 * pause, LONGEST_PAUSE)

    def _consume(self) -> bool:
        """Consume until told to finish; False: an error nobody foresaw ended it, and the records come again."""
        try:
            if self._closed:
                self._consumer, self._closed, self.paused = self._make(), False, False
            self._consumer.subscribe([self._topic], on_assign=self._assign, on_revoke=self._revoke, on_lost=self._lose)
            while not self.quiet.is_set():
                self._cycle(self)
            self.finished.wait()
            self.store()
            return True
        except Exception as error:
            self._outage.fail(error)
            return False
        finally:
            self._close()

    def _make(self) -> Consumer:
        return Consumer(self._settings, logger=library_log("debug" in self._settings))

    def _close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            # Commits what is stored and leaves the group, which then shares out the partitions at once.
            self._consumer.close()
        except Exception as error:
            log.warning("%s: the consumer was not closed in order (%s)", self._topic, type(error).__name__)
        if self._held:
            self._abandon(list(self._held.values()), RELEASE)

    def poll(self, seconds: float, count: int) -> list[Record]:
        """Up to ``count`` records: waits for the first one only."""
        self.store()
        self._look_around()
        first = self._consumer.poll(seconds)
        if first is None:
            return []
        more = self._consumer.consume(count - 1, 0) if count > 1 else []
        return [record for message in (first, *more) if (record := self._record(message)) is not None]

    def store(self) -> None:
        """Store the offsets of what is done; the library commits them every ``autoCommitIntervalMs``."""
        positions: dict[Held, int] = {}
        while self._done:
            held, position, count = self._done.popleft()
            held.waiting -= count
            if not held.lost:
                held.position = positions[held] = position
        for held, position in positions.items():
            try:
                self._consumer.store_offsets(offsets=[TopicPartition(held.topic, held.partition, position)])
            except KafkaException as error:
                log.warning("%s/%d: not stored (%s)", held.topic, held.partition, error.args[0].name())

    def balance(self, high: int) -> None:
        """Pause partitions with ``high`` records waiting, and resume those with less than half of it."""
        stop = [held for held in self._held.values() if not held.paused and held.waiting >= high]
        go = [held for held in self._held.values() if held.paused and held.waiting < high / 2]
        for change, partitions, paused in ((self._consumer.pause, stop, True), (self._consumer.resume, go, False)):
            if partitions:
                change([TopicPartition(held.topic, held.partition) for held in partitions])
            for held in partitions:
                held.paused = paused
        self.paused = any(held.paused for held in self._held.values())

    def _record(self, message: Message) -> Record | None:
        error = message.error()
        if error is not None:
            self._check(error)
            self._outage.complain(error)
            return None
        self._outage.end()
        held = self._held.get(message.partition())
        if held is None:
            return None
        held.waiting += 1
        return Record(held, message.offset(), message.timestamp()[1], message.key(), message.value(), headers(message))

    def _assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._outage.end()
        for each in partitions:
            self._held[each.partition] = Held(each.topic, each.partition)

    def _revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        gone = self._forget(partitions)
        self.listener.release(gone, RELEASE)
        self.store()
        self._commit(gone)
        for held in gone:
            held.lost = True

    def _lose(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        log.warning("%s: partitions were lost to others: what ran for them runs there again", self._topic)
        self._abandon(self._forget(partitions), 0)

    def _abandon(self, gone: Sequence[Held], seconds: float) -> None:
        """What runs for these partitions runs again elsewhere: store nothing of it, and let it end."""
        for held in gone:
            held.closing = held.lost = True
            self._held.pop(held.partition, None)
        self.listener.release(gone, seconds)

    def _forget(self, partitions: Sequence[TopicPartition]) -> list[Held]:
        found = [held for each in partitions if (held := self._held.pop(each.partition, None)) is not None]
        for held in found:
            held.closing = True
        return found

    def _commit(self, gone: Sequence[Held]) -> None:
        offsets = [
            TopicPartition(held.topic, held.partition, held.position) for held in gone if held.position is not None
        ]
        if not offsets:
            return
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            log.warning("%s: not committed (%s): records will come again", self._topic, error.args[0].name())

    def _look_around(self) -> None:
        """Each second: positions; while the broker is away, whether it is back."""
        now = time.monotonic()
        if now - self._placed < PLACES_EVERY and not self._outage.urgent:
            return
        self._placed = now
        if self._outage.asks:
            self._outage.look(self._consumer, self._topic)
        elif self._held:
            self.listener.places(ends(self._consumer, self._held.values(), self._from_first))

    def _on_error(self, error: KafkaError) -> None:
        self._check(error)
        self._outage.report(error)

    def _check(self, error: KafkaError) -> None:
        if error.fatal():
            raise KafkaException(error)  # the library does nothing more with this consumer
