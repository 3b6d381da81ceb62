"""A broker that is away: said once when it begins and once when it ends."""

from __future__ import annotations

import logging
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, KafkaException

log = logging.getLogger("host.kafka")

_AWAY = (KafkaError._ALL_BROKERS_DOWN, KafkaError._AUTHENTICATION, KafkaError._RESOLVE)
_NO_TOPIC = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION)
_QUIET = logging.getLogger("host.kafka.librdkafka")
_QUIET.setLevel(logging.CRITICAL)
ANSWER = 1.0
"""Seconds that a broker gets to answer."""


class Outage:
    """The state of one consumer's broker. Used by the consumer's thread."""

    def __init__(self, function: str, changed: Callable[[bool], None]) -> None:
        self._function = function
        self._changed = changed
        """Told True when an outage begins and False when it ends."""
        self._reason: str | None = None
        self.suspected: str | None = None
        """The library lost its brokers, perhaps long ago: it tells of it late. ``look`` makes sure."""
        self._last_complaint: int | None = None

    @property
    def lasts(self) -> bool:
        """Whether the broker is away, or the topic does not exist."""
        return self._reason is not None

    def report(self, error: KafkaError) -> None:
        """An error of the library as a whole."""
        if error.fatal():
            log.error("%s consumes no more (%s): restart the host", self._function, error.name())
        elif error.code() in _AWAY:
            self.suspected = error.name()

    def complain(self, error: KafkaError) -> None:
        """An error in place of a record."""
        if error.code() in _NO_TOPIC:
            self._begin("the topic does not exist")
        elif error.code() != self._last_complaint:
            log.warning("%s: the broker refuses (%s)", self._function, error.name())
        self._last_complaint = error.code()

    def end(self) -> None:
        """A record or an assignment came."""
        self._last_complaint = None
        if self._reason is not None:
            log.warning("%s receives again", self._function)
            self._reason = None
            self._changed(False)

    def look(self, consumer: Consumer, topic: str) -> None:
        """Ask the broker; the answer also has the library look at a new topic at once."""
        suspected, self.suspected = self.suspected, None
        try:
            topics = consumer.list_topics(timeout=ANSWER).topics
        except KafkaException as error:
            if not self.lasts:
                self._begin(f"the broker is away ({suspected or error.args[0].name()})")
            return
        if topic in topics:
            self.end()
        else:
            self._begin("the topic does not exist")

    def _begin(self, reason: str) -> None:
        if reason != self._reason:
            log.warning("%s receives nothing: %s; the host keeps trying", self._function, reason)
            self._changed(True)
        self._reason = reason


def library_log(wanted: bool = False) -> logging.Logger:
    """Where librdkafka's own lines go: without ``libkafkaDebug`` they only repeat what ``Outage`` says once."""
    return log if wanted else _QUIET
