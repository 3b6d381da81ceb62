"""OpenTelemetry spans for every trigger, orchestration turn and activity.

Without an exporter no SDK is loaded and nothing is recorded, but the W3C trace context is carried all the same: a
request, the instance that it starts, its turns, activities and log lines share one trace id. Spans hold names, ids and
the type of an exception, never a value, a query string or a body.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from host.settings import StartupError

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    from host.invocation import Invocation

CONNECTION = "APPLICATIONINSIGHTS_CONNECTION_STRING"
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_LONGEST_STATE = 512
_MEMBER = (
    r"(?:[a-z][-_0-9a-z*/]{0,255}|[a-z0-9][-_0-9a-z*/]{0,240}@[a-z][-_0-9a-z*/]{0,13})"
    r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
_TRACESTATE = re.compile(rf"{_MEMBER}(?:[ \t]*,[ \t]*{_MEMBER}){{0,31}}")

Attributes = Mapping[str, str | int]
SpanKindName = Literal["internal", "server", "consumer"]


class Telemetry:
    """Makes spans. Without a tracer it only continues trace contexts."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer

    @contextlib.contextmanager
    def span(
        self,
        name: str,
        parent: str | None,
        attributes: Attributes,
        kind: SpanKindName = "internal",
        links: Sequence[str] = (),
        state: str | None = None,
    ) -> Iterator[TraceSpan]:
        """A span below ``parent`` (a W3C traceparent; None: a new trace) with its tracestate, linked to others.

        An exception marks it failed, by type.
        """
        if self._tracer is None:
            yield TraceSpan(_child(parent))
            return
        from opentelemetry.trace import Link, SpanKind, get_current_span

        linked = [Link(get_current_span(_context(each)).get_span_context()) for each in dict.fromkeys(links)]
        span = self._tracer.start_span(name, _context(parent, state), SpanKind[kind.upper()], dict(attributes), linked)
        try:
            yield TraceSpan(_traceparent(span), span)
        except BaseException as error:
            _fail(span, error)
            raise
        finally:
            span.end()

    @contextlib.contextmanager
    def durable_span(self, invocation: Invocation) -> Iterator[str]:
        """The span of an orchestration turn, an activity or an entity batch. Yields its traceparent."""
        if self._tracer is None or not invocation.traced:
            yield _child(invocation.traceparent)
            return
        kind = "orchestration" if invocation.kind == "orchestrator" else invocation.kind
        attributes = {
            "durabletask.type": kind,
            "durabletask.task.name": invocation.name,
            "durabletask.task.instance_id": invocation.instance_id,
            "faas.invocation_id": invocation.invocation_id,
        }
        parent, state = invocation.traceparent, invocation.tracestate
        with self.span(f"{kind}:{invocation.name}", parent, attributes, state=state) as span:
            yield span.traceparent
            if invocation.run is not None and (error := invocation.run.failed):
                span.fail(error)

    def shutdown(self) -> None:
        """Send what is still held."""
        if self._tracer is not None:
            from opentelemetry import trace

            getattr(trace.get_tracer_provider(), "shutdown", lambda: None)()


class TraceSpan:
    """A running span; ``traceparent`` is what its children continue."""

    def __init__(self, traceparent: str, span: Span | None = None) -> None:
        self.traceparent = traceparent
        self._span = span

    def set(self, name: str, value: str | int) -> None:
        """Add an attribute."""
        if self._span is not None:
            self._span.set_attribute(name, value)

    def fail(self, kind: str) -> None:
        """Mark it failed by an exception of that type."""
        if self._span is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_attribute("error.type", kind)
            self._span.set_status(Status(StatusCode.ERROR, kind))


def trace_id(traceparent: str | None) -> str:
    """The 32 hex digits of the trace, or an empty text."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    return match.group(1) if match else ""


def trace_state(text: str | None) -> str | None:
    """A ``tracestate`` that a sender gave, if it has the form of https://www.w3.org/TR/trace-context-1/#tracestate-header.

    Libraries quote another one in their warnings: whoever sends it would write into the log.
    """
    if not text or len(text) > _LONGEST_STATE or _TRACESTATE.fullmatch(text) is None:
        return None
    return text


def trace_context(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """``traceparent`` and ``tracestate`` of a request. Without the first the second means nothing."""
    parent = headers.get("traceparent")
    return parent, trace_state(headers.get("tracestate")) if trace_id(parent) else None


def rooted(parent: str | None) -> str:
    """The traceparent that a sender gave, if it is one; else that of a new trace, for all that comes of it."""
    return parent if parent is not None and trace_id(parent) else _child(None)


def _child(parent: str | None) -> str:
    # Nobody needs to guess them, as OpenTelemetry's own; asking the system for random bytes would cost a thread switch.
    match = _TRACEPARENT.fullmatch(parent or "")
    trace, flags = (match.group(1), match.group(3)) if match else (f"{random.getrandbits(128):032x}", "01")
    return f"00-{trace}-{random.getrandbits(64):016x}-{flags}"


def _context(parent: str | None, state: str | None = None) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {"traceparent": parent or "", "tracestate": state or ""}
    return TraceContextTextMapPropagator().extract(carrier, Context())


def _traceparent(span: Span) -> str:
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _fail(span: Span, error: BaseException) -> None:
    # FunctionFailed carries the type of what the function raised; the text of neither is kept.
    TraceSpan("", span).fail(str(getattr(error, "type", type(error).__name__)))


def set_up(spans: str | None, environ: Mapping[str, str] = os.environ) -> Telemetry:
    """Switch exporters on: ``spans`` is a file for JSON lines, ``-`` the console; Azure Monitor by its setting.

    Raises:
        StartupError: The file cannot be written, or the setting cannot be used.
    """
    if not spans and not environ.get(CONNECTION):
        return Telemetry()
    from opentelemetry import trace

    if environ.get(CONNECTION):
        _to_monitor(environ[CONNECTION])
    if spans:
        from host.spans import add_exporter

        try:
            add_exporter(spans)
        except OSError as error:
            raise StartupError(f"--spans: {spans} cannot be written ({error.strerror}).") from error
    return Telemetry(trace.get_tracer("host"))


def check_library() -> None:
    """Raises StartupError: azure-monitor-opentelemetry is not installed."""
    try:
        import azure.monitor.opentelemetry  # noqa: F401
    except ImportError as error:
        raise StartupError(f"{CONNECTION} is set: pip install azure-monitor-opentelemetry, or unset it.") from error


def _to_monitor(connection: str) -> None:
    check_library()
    from azure.monitor.opentelemetry import configure_azure_monitor

    try:
        configure_azure_monitor(connection_string=connection, logger_name="host")
    except ValueError:  # its text may quote the key
        raise StartupError(f"{CONNECTION} is no connection string of Azure Monitor.") from None
