"""*publish-received*, *publish-decided*, ...: others are told what happened. The durable history is the outbox."""

from __future__ import annotations

from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from activities.step import Work, step
from domain.case import resource_id
from domain.envelope import Message
from domain.events.catalog import BY_NAME
from domain.events.cloud_event import CloudEvent
from domain.events.source import engine
from domain.messages import PublishInput


@step(PublishInput)
async def publish_event(work: Work[PublishInput]) -> Message:
    """Keyed by the case, the type and the key of the event: with every try, and after a rewind, its id is the same, and
    readers drop copies. Returns when the log has it."""
    told, kind = work.data, BY_NAME[work.data.type]
    record = work.envelope.case.record
    data = kind.data.model_validate({**told.data, "case": work.case, "record": record})
    event = CloudEvent(
        id=resource_id(work.case, f"event:{kind.name}:{told.key}"),
        source=engine(work.to.settings.payer_organization),
        type=kind.name,
        subject=record,
        time=told.at,
        dataschema=kind.schema,
        traceparent=_traceparent(),
        data=data.model_dump(mode="json", exclude_none=True),
    )
    await work.to.events.publish(kind.topic, work.case, event)
    return Message()


def _traceparent() -> str | None:
    """The current span, as W3C Trace Context writes it."""
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")
