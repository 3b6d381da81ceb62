"""Why a consumer receives nothing: said once when it begins and once when it ends."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException

log = logging.getLogger("host.kafka")

_AWAY = (KafkaError._ALL_BROKERS_DOWN, KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._RESOLVE)
_HANDSHAKES = {
    KafkaError._AUTHENTICATION: "the broker refuses the sign-in",
    KafkaError._SSL: "TLS with the broker fails",
}
_FORBIDDEN = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)
_NO_TOPIC = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION)
_MISSING = "the topic does not exist"
_QUIET = logging.getLogger("host.kafka.librdkafka")
_QUIET.setLevel(logging.CRITICAL)
ANSWER = 1.0
"""Seconds that a broker gets to answer."""


class Outage:
    """Why one consumer receives nothing. Used by the consumer's thread."""

    def __init__(self, function: str, changed: Callable[[str | None], None]) -> None:
        self._function = function
        self._changed = changed
        """Told the reason when an outage begins or is another, and None when it ends."""
        self._reason: str | None = None
        self._suspected: KafkaError | None = None
        """The library lost its brokers, perhaps long ago: it tells of it late. ``look`` makes sure."""
        self._seen_by_look = False
        self._last_complaint: int | None = None

    @property
    def asks(self) -> bool:
        """Whether a look at the broker tells more."""
        return self._suspected is not None or self._seen_by_look

    @property
    def urgent(self) -> bool:
        """Whether to look at once."""
        return self._suspected is not None

    def report(self, error: KafkaError) -> None:
        """An error of the library as a whole."""
        # Whoever refuses the sign-in hangs up: that all brokers are down comes after it, and says less.
        if error.code() in _AWAY and (self._suspected is None or self._suspected.code() not in _HANDSHAKES):
            self._suspected = error

    def complain(self, error: KafkaError) -> None:
        """An error in place of a record."""
        if error.code() in _NO_TOPIC:
            self._begin(_MISSING, seen_by_look=True)
        elif error.code() in _FORBIDDEN:
            self._begin(f"the broker refuses ({error.name()})")
        elif error.code() != self._last_complaint:
            log.warning("%s: the broker refuses (%s)", self._function, error.name())
        self._last_complaint = error.code()

    def fail(self, error: Exception) -> None:
        """The consumer ended of an error that nobody foresaw, and will be begun anew."""
        frames = traceback.extract_tb(error.__traceback__)[-3:]
        places = " < ".join(f"{Path(each.filename).name}:{each.lineno}:{each.name}" for each in reversed(frames))
        # Not its text, which may quote a record.
        log.error("The consumer of %s failed: %s at %s", self._function, type(error).__name__, places)
        self._begin(f"its consumer failed ({type(error).__name__}) and is begun anew")

    def end(self) -> None:
        """A record or an assignment came."""
        self._last_complaint = None
        self._seen_by_look = False
        if self._reason is not None:
            log.warning("%s receives again", self._function)
            self._reason = None
            self._changed(None)

    def look(self, consumer: Consumer, topic: str) -> None:
        """Ask the broker; the answer also has the library look at a new topic at once."""
        suspected, self._suspected = self._suspected, None
        try:
            topics = consumer.list_topics(timeout=ANSWER).topics
        except KafkaException as error:
            self._begin_absence(suspected, error.args[0])
            return
        if self._reason is not None and not self._seen_by_look:
            return
        if topic in topics:
            self.end()
        else:
            self._begin(_MISSING, seen_by_look=True)

    def _begin_absence(self, suspected: KafkaError | None, answer: KafkaError) -> None:
        refused = suspected is not None and suspected.code() in _HANDSHAKES
        if self._seen_by_look and self._reason != _MISSING and not refused:
            return
        cause = suspected or answer
        words = _HANDSHAKES.get(cause.code(), "the broker is away")
        self._begin(f"{words} ({cause.name()})", seen_by_look=True)

    def _begin(self, reason: str, seen_by_look: bool = False) -> None:
        self._seen_by_look = seen_by_look
        if reason != self._reason:
            log.warning("%s receives nothing: %s; the host keeps trying", self._function, reason)
            self._changed(reason)
        self._reason = reason


def library_log(wanted: bool = False) -> logging.Logger:
    """Where librdkafka's own lines go: without ``libkafkaDebug`` they only repeat what ``Outage`` says once."""
    return log if wanted else _QUIET
