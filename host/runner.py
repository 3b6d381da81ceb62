"""Run one function: bind its parameters with the converters of azure.functions, call it, encode what it gives back.

Used in the host's own process and in the child process of ``--isolate``; the rules are those of the Python worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from azure.functions import meta
from opentelemetry import context as otel_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from host.call import Answer, Call, HttpRequest, HttpResponse, Outcome, Outputs
from host.context import Context, Out, this_thread
from host.eventhubs.binding import RETURN
from host.functions import GENERIC, BoundType, Function, Kind
from host.http_answer import http_response
from host.invocation import FunctionFailed
from host.logs import current_instance, current_trace
from host.message import Message

_PROPAGATOR = TraceContextTextMapPropagator()
# Its warnings quote what senders put into tracestate.
logging.getLogger("opentelemetry.trace.span").setLevel(logging.ERROR)
_HERE = f"{Path(__file__).parent}{os.sep}"


def run_sync(function: Function, call: Call) -> Outcome:
    """Call a plain function in this thread.

    Raises:
        FunctionFailed: The function, or the binding of its parameters, raised.
    """
    with failures(of_orchestration=function.kind is Kind.ORCHESTRATION), _trace(call):
        this_thread.invocation_id = call.invocation_id
        if call.run is not None:
            call.run(function.call)
            return Outcome("null")
        arguments, outs = _bind(function, call)
        return _outcome(function, function.call(**arguments), outs)


async def run_async(function: Function, call: Call) -> Outcome:
    """Call an ``async def`` function on the running loop.

    Raises:
        FunctionFailed: The function, or the binding of its parameters, raised.
    """
    with failures(of_orchestration=function.kind is Kind.ORCHESTRATION), _trace(call):
        this_thread.invocation_id = call.invocation_id
        arguments, outs = _bind(function, call)
        return _outcome(function, await function.call(**arguments), outs)


@contextlib.contextmanager
def _trace(call: Call) -> Iterator[None]:
    """Make the invocation's span current: the SDK's client, the app's own spans and log lines continue it."""
    carrier = {"traceparent": call.traceparent or "", "tracestate": call.tracestate or ""}
    token = otel_context.attach(_PROPAGATOR.extract(carrier, otel_context.Context()))
    trace, instance = current_trace.set(call.traceparent), current_instance.set(call.instance_id)
    try:
        yield
    finally:
        current_instance.reset(instance)
        current_trace.reset(trace)
        otel_context.detach(token)


@contextlib.contextmanager
def failures(*, of_orchestration: bool) -> Iterator[None]:
    """What a function raises becomes ``FunctionFailed``.

    Also what is no ``Exception``: it would end the loop or the task of others, and nobody would hear of it.
    """
    try:
        yield
    except BaseException as error:
        if ended_by_host(error):
            raise
        # The SDK wraps what an orchestrator raised; its cause is what a reader looks for.
        cause = error.__cause__ if of_orchestration and error.__cause__ is not None else error
        raise FunctionFailed(type(cause).__name__, text_of(error), frames(cause)) from error


def ended_by_host(error: BaseException) -> bool:
    """Whether the running call was given up; a function may raise CancelledError by itself, too."""
    return isinstance(error, asyncio.CancelledError) and (task := _current_task()) is not None and task.cancelling() > 0


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # a thread without a loop
        return None


def text_of(error: BaseException) -> str:
    """``str(error)``; of one that has no text because that raises, what the worker says."""
    try:
        return str(error)
    except Exception:
        return "Unhandled exception in function. Could not serialize original exception message."


def frames(error: BaseException, of_host: bool = False) -> tuple[str, ...]:
    """``file:line:function``, outermost first, no values; those of the host itself only on demand."""
    found = traceback.extract_tb(error.__traceback__)
    shown = [frame for frame in found if of_host or not frame.filename.startswith(_HERE)]
    return tuple(f"{frame.filename}:{frame.lineno}:{frame.name}" for frame in shown)


def _bind(function: Function, call: Call) -> tuple[dict[str, Any], dict[str, Out]]:
    arguments: dict[str, Any] = {}
    for name, bound in function.inputs.items():
        of_trigger = name == function.trigger_param
        datum = _trigger_datum(function, call) if of_trigger else meta.Datum(call.client, "string")
        arguments[name] = _decode(bound, datum, _metadata(call) if of_trigger else {})
    outs = {name: Out() for name in function.outputs}
    arguments |= outs
    if function.needs_context:
        arguments["context"] = Context(function, call)
    return arguments, outs


def _trigger_datum(function: Function, call: Call) -> meta.Datum:
    if isinstance(call.body, Message):
        return call.body.data.datum()
    if not isinstance(call.body, HttpRequest):
        return meta.Datum(call.body, "json" if function.kind is not Kind.ORCHESTRATION else "string")
    request = call.body
    return meta.Datum(
        {
            "method": meta.Datum(request.method, "string"),
            "url": meta.Datum(request.url, "string"),
            "headers": _strings(request.headers),
            "query": _strings(request.query),
            "params": _strings(request.params),
            "body": meta.Datum(request.body, "bytes"),
        },
        "http",
    )


def _strings(values: Mapping[str, str]) -> dict[str, meta.Datum]:
    return {name: meta.Datum(value, "string") for name, value in values.items()}


def _metadata(call: Call) -> dict[str, meta.Datum | None]:
    return call.body.trigger_metadata() if isinstance(call.body, Message) else {}


def _decode(bound: BoundType, datum: meta.Datum, metadata: Mapping[str, meta.Datum | None]) -> Any:
    if bound.binding == GENERIC:
        return datum.value.encode() if bound.pytype is bytes and isinstance(datum.value, str) else datum.value
    return meta.get_binding_registry().get(bound.binding).decode(datum, trigger_metadata=metadata)


def _outcome(function: Function, result: Any, outs: Mapping[str, Out]) -> Outcome:
    return Outcome(_answer(function, result, outs), _outputs(function, result, outs))


def _outputs(function: Function, result: Any, outs: Mapping[str, Out]) -> Outputs:
    """What was put into the output bindings that send messages."""
    values = {name: (function.outputs[name], out.get()) for name, out in outs.items()}
    if function.returns is not None and RETURN in function.event_hub_outputs:
        values[RETURN] = (function.returns, result)
    return {
        name: _message(name, bound, value)
        for name, (bound, value) in values.items()
        if bound.binding != "http" and value is not None
    }


def _message(name: str, bound: BoundType, value: Any) -> str | bytes:
    content = value if bound.binding == GENERIC else _encode(bound, value).value
    if not isinstance(content, str | bytes):
        raise TypeError(f"unable to encode a {type(value).__name__} for the output {name}: it takes str or bytes")
    if isinstance(content, str):
        content.encode()  # raises for a lone surrogate, which no message can hold
    return content


def _answer(function: Function, result: Any, outs: Mapping[str, Out]) -> Answer:
    if function.kind is Kind.HTTP:
        return _http_answer(function, result, outs)
    if function.returns is None:
        if result is not None:
            raise RuntimeError(f"function {function.name} without a $return binding returned a non-None value")
        return "null"
    value = _encode(function.returns, result).value
    return value if isinstance(value, str) else "null"


def _http_answer(function: Function, result: Any, outs: Mapping[str, Out]) -> HttpResponse:
    if function.returns is not None:
        return http_response(_encode(function.returns, result))  # None too: it is an error there
    if result is not None:
        raise RuntimeError(f"function {function.name} without a $return binding returned a non-None value")
    bound = [(function.outputs[name], out.get()) for name, out in outs.items()]
    for output, value in bound:
        if output.binding == "http" and value is not None:
            return http_response(_encode(output, value))
    return HttpResponse(204, (), b"")


def _encode(bound: BoundType, value: Any) -> meta.Datum:
    try:
        return meta.get_binding_registry().get(bound.binding).encode(value, expected_type=bound.pytype)
    except NotImplementedError:
        what = f'unsupported type "{bound.binding}" for Python type "{type(value).__name__}"'
        raise TypeError(f"unable to encode outgoing TypedData: {what}") from None
