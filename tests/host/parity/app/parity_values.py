"""What the functions of this app answer, by a name that a caller gives."""

import datetime
import json
from collections.abc import Callable
from typing import Any

import azure.functions as func


class Unspeakable(Exception):
    """No text can be made of it."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Size:
    """A value that the Durable SDK encodes with the class's own means."""

    def __init__(self, width: int) -> None:
        self.width = width

    @staticmethod
    def to_json(value: "Size") -> str:
        return str(value.width)

    @staticmethod
    def from_json(text: str) -> "Size":
        return Size(int(text))


def response(*args: Any, **kwargs: Any) -> Callable[[], func.HttpResponse]:
    return lambda: func.HttpResponse(*args, **kwargs)


def several_cookies() -> func.HttpResponse:
    made = func.HttpResponse("cookies")
    made.headers.add("Set-Cookie", "one=1; Path=/a; Domain=example.org; Max-Age=60; Secure; HttpOnly; SameSite=Lax")
    made.headers.add("Set-Cookie", 'two="quoted value"; Expires=Thu, 12 Jan 2034 13:55:08 GMT; SameSite=None')
    made.headers.add("Set-Cookie", "three=3; SameSite=Strict; Max-Age=1.5")
    return made


def bad_cookie() -> func.HttpResponse:
    return func.HttpResponse("x", headers={"Set-Cookie": "a=1; Expires=tomorrow"})


def raising(error: Exception) -> Callable[[], Any]:
    def go() -> Any:
        raise error

    return go


def caused() -> Any:
    try:
        raise KeyError("first")
    except KeyError as error:
        raise ValueError("second") from error


ANSWERS: dict[str, Callable[[], Any]] = {
    "text": lambda: "plain",
    "empty-text": lambda: "",
    "unicode": lambda: "Zürich \N{SNOWMAN}",
    "lone-surrogate": lambda: "\ud800",
    "none": lambda: None,
    "number": lambda: 7,
    "bytes": lambda: b"\x00",
    "dict": lambda: {"a": 1},
    "list": lambda: [1],
    "response": response("body"),
    "response-without-body": response(status_code=202),
    "response-of-bytes": response(b"\x00\xff", mimetype="application/octet-stream"),
    "response-of-json": response('{"a": 1}', mimetype="application/json", status_code=201),
    "response-of-latin": response("Zürich", charset="latin-1"),
    "response-headers": response("x", headers={"X-One": "1", "x-two": "2", "Content-Type": "text/csv"}),
    "response-number-header": response("x", headers={"X-One": 1}),
    "response-no-content": response(status_code=204),
    "response-strange-status": response(status_code=799),
    "response-html": response("<p>", mimetype="text/html"),
    "cookies": several_cookies,
    "bad-cookie": bad_cookie,
    "raises": raising(ValueError("why")),
    "raises-without-text": raising(RuntimeError()),
    "raises-key-error": raising(KeyError("k")),
    "raises-arguments": raising(ValueError("a", 1)),
    "raises-cause": caused,
    "raises-group": raising(ExceptionGroup("many", [ValueError("a"), TypeError("b")])),
    "raises-unspeakable": raising(Unspeakable()),
    "raises-not-implemented": raising(NotImplementedError("not yet")),
}
VALUES: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "text": lambda: 'quo"ted',
    "unicode": lambda: "Zürich \N{SNOWMAN}",
    "lone-surrogate": lambda: "\ud800",
    "true": lambda: True,
    "number": lambda: 7,
    "large-number": lambda: 2**70,
    "fraction": lambda: 0.1,
    "not-a-number": lambda: float("nan"),
    "list": lambda: [1, "a", None, [True]],
    "tuple": lambda: (1, 2),
    "dict": lambda: {"a": {"b": [1]}, "ü": None},
    "number-keys": lambda: {1: "a", None: "b"},
    "tuple-keys": lambda: {(1, 2): "a"},
    "bytes": lambda: b"\x00",
    "set": lambda: {1},
    "instant": lambda: datetime.datetime(2026, 11, 2, 15, 0, tzinfo=datetime.UTC),
    "custom": lambda: Size(3),
    "custom-in-list": lambda: [Size(3), {"size": Size(4)}],
    "raises": raising(ValueError("why")),
    "raises-unspeakable": raising(Unspeakable()),
    "raises-cause": caused,
}


def told(context: func.Context) -> str:
    """What an app can read of its context."""
    trace, retry = context.trace_context, context.retry_context
    return json.dumps(
        {
            "function": context.function_name,
            "directory": context.function_directory,
            "invocation": context.invocation_id,
            "thread": context.thread_local_storage.invocation_id,
            "trace": [trace.trace_parent, trace.trace_state, dict(trace.attributes)],
            "old names": [trace.Traceparent, trace.Tracestate, dict(trace.Attributes)],
            "retry": [retry.retry_count, retry.max_retry_count, hasattr(retry, "exception")],
            "error": [retry.rpc_exception.message, retry.rpc_exception.source, retry.rpc_exception.stack_trace],
        }
    )
