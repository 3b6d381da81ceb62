"""The trace that events continue, and what a span tells of them.

https://opentelemetry.io/docs/specs/semconv/messaging/azure-messaging/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from host.eventhubs.binding import EventHubTrigger
from host.eventhubs.event import first_property
from host.telemetry import trace_id

_PARENTS = ("cloudEvents_traceparent", "cloudEvents:traceparent", "traceparent", "Diagnostic-Id", "ce_traceparent")
"""CloudEvents by AMQP; the header of the sender; that of the older Azure libraries; CloudEvents by Kafka."""


def parents(events: Sequence[Any]) -> list[str]:
    """W3C ``traceparent`` of each event that names one."""
    found = (first_property(event, _PARENTS, wanted=lambda text: bool(trace_id(text))) for event in events)
    return [parent for parent in found if parent]


def attributes(trigger: EventHubTrigger, partition: str, count: int) -> dict[str, str | int]:
    """Of the span of one call with so many events."""
    return {
        "messaging.system": "eventhubs",
        "messaging.operation.type": "process",
        "messaging.destination.name": trigger.hub.name,
        "messaging.destination.partition.id": partition,
        "messaging.eventhubs.consumer.group": trigger.group,
        "messaging.batch.message_count": count,
        "faas.name": trigger.function.name,
    }
