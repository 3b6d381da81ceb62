"""Spans as JSON lines, in a file or on the console."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TextIO

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult


class JsonLines(SpanExporter):
    """One line a span."""

    def __init__(self, target: TextIO) -> None:
        self._target = target

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Write the spans and flush."""
        for span in spans:
            self._target.write(json.dumps(as_json(span)) + "\n")
        self._target.flush()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Close the file."""
        if self._target is not sys.stdout:
            self._target.close()


def as_json(span: ReadableSpan) -> dict[str, object]:
    """Ids in hexadecimal, times in nanoseconds since 1970, attributes as they are."""
    context = span.get_span_context()
    assert context is not None
    return {
        "name": span.name,
        "kind": span.kind.name,
        "trace": f"{context.trace_id:032x}",
        "span": f"{context.span_id:016x}",
        "parent": f"{span.parent.span_id:016x}" if span.parent else None,
        "start": span.start_time,
        "end": span.end_time,
        "status": span.status.status_code.name,
        "attributes": dict(span.attributes or {}),
    }


def add_exporter(target: str) -> None:
    """Send spans to a file (appended to), or to the console for ``-``."""
    stream = sys.stdout if target == "-" else open(target, "a", encoding="utf-8")  # noqa: SIM115 (closed by shutdown)
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider(resource=Resource.create({"service.name": "functions-host"}))
        trace.set_tracer_provider(provider)
    provider.add_span_processor(BatchSpanProcessor(JsonLines(stream), schedule_delay_millis=1000))
