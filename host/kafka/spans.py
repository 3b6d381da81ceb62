"""The trace that records continue, and what a span tells of them.

https://opentelemetry.io/docs/specs/semconv/messaging/kafka/. A record's trace is in its header ``traceparent`` (who
sent it) or, of a CloudEvent, in ``ce_traceparent`` (where the event came to be):
https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from host.kafka.binding import KafkaTrigger
from host.kafka.record import Record, by_partition
from host.telemetry import trace_id, trace_state

_PREFIXES = ("", "ce_")


def parent(record: Record) -> tuple[str | None, str | None]:
    """W3C ``traceparent`` and ``tracestate``; None where the record names none, or nothing of that form."""
    for prefix in _PREFIXES:
        above = record.header(f"{prefix}traceparent")
        if trace_id(above):
            return above, trace_state(record.header(f"{prefix}tracestate"))
    return None, None


def attributes(trigger: KafkaTrigger, records: Sequence[Record]) -> dict[str, str | int]:
    """Of the span of one call."""
    return {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.destination.name": trigger.topic,
        "messaging.consumer.group.name": trigger.group,
        "faas.name": trigger.function.name,
    } | _where(records)


def _where(records: Sequence[Record]) -> dict[str, str | int]:
    """Which records these are."""
    parts = by_partition(records)
    if len(parts) > 1:
        return {"messaging.batch.message_count": len(records)}
    first = records[0]
    where: dict[str, str | int] = {"messaging.destination.partition.id": str(first.held.partition)}
    if len(records) > 1:
        return where | {"messaging.batch.message_count": len(records)}
    return where | {"messaging.kafka.offset": first.offset}
