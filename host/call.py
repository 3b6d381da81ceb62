"""What crosses the border between the host and the functions of the app: plain values, also over a pipe.

A ``Call`` goes in; an answer (text or an HTTP response) comes out, with what the function put into its output bindings.
Nothing of azure.functions is in them, so that the functions may run in a child process.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from host.invocation import Run
from host.message import Message, message_from_json, message_to_json
from host.quick import quick


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as an HTTP trigger sees it."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    params: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What an HTTP trigger answered."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@quick
@dataclass(frozen=True, slots=True)
class Call:
    """One call of one function."""

    function: str
    """Unique function name."""
    body: str | HttpRequest | Message
    """JSON text for the trigger parameter, the request, or the message."""
    invocation_id: str
    client: str = ""
    """Binding JSON for durable client parameters."""
    traceparent: str | None = None
    tracestate: str | None = None
    instance_id: str | None = None
    """Orchestration instance that the function works for."""
    retry_count: int = 0
    """How often this delivery was tried before."""
    max_retry_count: int = 0
    run: Run | None = None
    """As in ``Invocation``; crosses no pipe."""


Answer = str | HttpResponse
Outputs = Mapping[str, str | bytes]
"""What a function put into its output bindings, by parameter."""


@quick
@dataclass(frozen=True, slots=True)
class Outcome:
    """What a function gave back."""

    answer: Answer
    outputs: Outputs = field(default_factory=dict)


def call_to_json(call: Call) -> dict[str, Any]:
    """Plain JSON of a call."""
    if isinstance(call.body, Message):
        return asdict(replace(call, body="")) | {"body": {"message": message_to_json(call.body)}}
    document = asdict(call)
    if isinstance(call.body, HttpRequest):
        document["body"] = {"http": document["body"] | {"body": base64.b64encode(call.body.body).decode()}}
    return document


def call_from_json(document: dict[str, Any]) -> Call:
    """Inverse of ``call_to_json``."""
    body = document["body"]
    if isinstance(body, dict) and "message" in body:
        body = message_from_json(body["message"])
    elif isinstance(body, dict):
        body = HttpRequest(**(body["http"] | {"body": base64.b64decode(body["http"]["body"])}))
    return Call(**(document | {"body": body}))


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """Plain JSON of an outcome."""
    outputs = {name: _output_to_json(value) for name, value in outcome.outputs.items()}
    return {"answer": _answer_to_json(outcome.answer), "outputs": outputs}


def outcome_from_json(document: dict[str, Any]) -> Outcome:
    """Inverse of ``outcome_to_json``."""
    outputs = {name: _output_from_json(value) for name, value in document["outputs"].items()}
    return Outcome(_answer_from_json(document["answer"]), outputs)


def _output_to_json(value: str | bytes) -> Any:
    return value if isinstance(value, str) else {"bytes": base64.b64encode(value).decode()}


def _output_from_json(document: Any) -> str | bytes:
    return document if isinstance(document, str) else base64.b64decode(document["bytes"])


def _answer_to_json(answer: Answer) -> Any:
    if isinstance(answer, str):
        return answer
    return {"status": answer.status, "headers": answer.headers, "body": base64.b64encode(answer.body).decode()}


def _answer_from_json(document: Any) -> Answer:
    if isinstance(document, str):
        return document
    headers = tuple((name, value) for name, value in document["headers"])
    return HttpResponse(document["status"], headers, base64.b64decode(document["body"]))
