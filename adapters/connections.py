"""The adapters of this process: built from the settings at first use, or given by a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from adapters.analytics.base import Analytics
from adapters.analytics.memory import MemoryAnalytics
from adapters.events.base import Log, Publisher
from adapters.fhir.base import Fhir
from adapters.notifications.base import Notifier
from adapters.rules.base import Rules
from settings import Settings, settings


def utc_now() -> datetime:
    """The system's time, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Connections:
    """The outside world as triggers and activities see it."""

    fhir: Fhir
    rules: Rules
    notifier: Notifier
    settings: Settings
    events: Publisher
    log: Log
    now: Callable[[], datetime] = utc_now
    """The time at which something comes in. Steps of a workflow take theirs from the envelope."""
    analytics: Analytics = field(default_factory=MemoryAnalytics)


_current: Connections | None = None


def connections() -> Connections:
    """The connections of this process."""
    global _current
    if _current is None:
        _current = connect(settings())
    return _current


def connect(values: Settings) -> Connections:
    """Connections to the servers that the settings name. Nothing is called yet."""
    from adapters.events.kafka import KafkaLog
    from adapters.events.security import brokers
    from adapters.fhir.http import HttpFhir
    from adapters.notifications.http import HttpNotifier
    from adapters.rules.http import HttpRules

    key = values.page_key.get_secret_value().encode() if values.page_key else None
    return Connections(
        fhir=HttpFhir(str(values.fhir_url), timeout=values.timeout_seconds, page_key=key),
        rules=HttpRules(str(values.rules_url), timeout=values.timeout_seconds),
        notifier=HttpNotifier(values.allowed_hosts, timeout=values.timeout_seconds),
        settings=values,
        events=_publisher(values),
        log=KafkaLog(brokers(values), values.timeout_seconds),
        analytics=_analytics(values),
    )


def _analytics(values: Settings) -> Analytics:
    if not values.analytics_file:
        return MemoryAnalytics()
    from adapters.analytics.sqlite import SqliteAnalytics

    return SqliteAnalytics(Path(values.analytics_file))


def _publisher(values: Settings) -> Publisher:
    if values.event_transport == "event-hubs" and values.event_hubs_connection:
        from adapters.events.event_hubs import EventHubsPublisher

        return EventHubsPublisher(values.event_hubs_connection.get_secret_value(), timeout=values.timeout_seconds)
    from adapters.events.kafka import KafkaPublisher
    from adapters.events.security import brokers

    return KafkaPublisher(brokers(values), values.timeout_seconds)


@contextmanager
def use(given: Connections) -> Iterator[Connections]:
    """Run with ``given`` instead, for tests."""
    global _current
    before, _current = _current, given
    try:
        yield given
    finally:
        _current = before
