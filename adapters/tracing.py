"""Spans of calls to the systems around us: who was called, for what, how long. No values, no query strings."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind

_TRACER: Final = trace.get_tracer("workflow.adapters")


def client_span(system: str, operation: str) -> AbstractContextManager[Span]:
    """A client span. ``system``: ``fhir``, ``rules``, ``events`` or ``hook``; ``operation``: a method and a type, a
    ruleset or a topic."""
    return _TRACER.start_as_current_span(
        f"{system} {operation}".rstrip(),
        kind=SpanKind.CLIENT,
        attributes={"peer.service": system},
        record_exception=False,
    )
