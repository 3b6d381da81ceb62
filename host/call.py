"""What crosses the border between the host and the functions of the app: plain values, also over a pipe.

A ``Call`` goes in, an answer (text or an HTTP response) comes out. Nothing of azure.functions is in them, so that the
functions may run in a child process.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


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


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one function."""

    function: str
    """Unique function name."""
    body: str | HttpRequest
    """JSON text for the trigger parameter, or the request."""
    invocation_id: str
    client: str = ""
    """Binding JSON for durable client parameters."""
    traceparent: str | None = None
    tracestate: str | None = None
    instance_id: str | None = None
    """Orchestration instance that the function works for."""


Answer = str | HttpResponse


def call_to_json(call: Call) -> dict[str, Any]:
    """Plain JSON of a call."""
    document = asdict(call)
    if isinstance(call.body, HttpRequest):
        document["body"] = {"http": document["body"] | {"body": base64.b64encode(call.body.body).decode()}}
    return document


def call_from_json(document: dict[str, Any]) -> Call:
    """Inverse of ``call_to_json``."""
    body = document["body"]
    if isinstance(body, dict):
        body = HttpRequest(**(body["http"] | {"body": base64.b64decode(body["http"]["body"])}))
    return Call(**(document | {"body": body}))


def answer_to_json(answer: Answer) -> Any:
    """Plain JSON of an answer."""
    if isinstance(answer, str):
        return answer
    return {"status": answer.status, "headers": answer.headers, "body": base64.b64encode(answer.body).decode()}


def answer_from_json(document: Any) -> Answer:
    """Inverse of ``answer_to_json``."""
    if isinstance(document, str):
        return document
    headers = tuple((name, value) for name, value in document["headers"])
    return HttpResponse(document["status"], headers, base64.b64decode(document["body"]))
