"""Invocations of the functions of ``app``, by what they are about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from host.call import Call, HttpRequest
from host.message import Message, Value
from tests.host.parity.app.parity_values import ANSWERS, VALUES

Body = str | HttpRequest | Message

NOW: Final = "2026-11-02T15:00:00.000000Z"
UNSENDABLE: Final = (
    frozenset(VALUES)
    - {"none", "text", "unicode", "lone-surrogate", "bytes"}
    - {name for name in VALUES if name.startswith("raises")}
)
"""Values that are neither text nor bytes nor nothing: this host sends no message of them."""
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
PARTS: Final = {"content-type": "multipart/form-data; boundary=B"}
FILE: Final = b'--B\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nhello\r\n--B--\r\n'
BODIES: Final = (b"", b"\x00\xff", b'{"a": 1}', b"[", '"Zürich"'.encode(), b"NaN")
INPUTS: Final = (
    *("1", "1.5", '"text"', "null", "true", "{}", '{"a": [1]}', "[1]", "plain", "", "NaN", "[1,", '"\\ud800"', " 1 "),
    '{"__class__": "Size", "__module__": "parity_values", "__data__": "3"}',
    '{"__class__": "Nothing", "__module__": "parity_values", "__data__": "3"}',
)
"""Of activities: JSON and other texts, two of them with values of the app's own classes."""
RECORD: Final[dict[str, Value | None]] = {
    "Topic": Value("string", "t"),
    "Partition": Value("json", "0"),
    "Offset": Value("json", "5"),
    "Key": Value("string", "k"),
    "Timestamp": Value("json", json.dumps(NOW)),
    "Headers": Value("json", '[{"Key": "a", "Value": "Yg=="}]'),
}
RECORDS: Final[dict[str, Value | None]] = {
    "TopicArray": Value("collection_string", ("t", "t")),
    "PartitionArray": Value("json", "[0, 0]"),
    "OffsetArray": Value("collection_sint64", (1, 2)),
    "KeyArray": Value("json", '["a", null]'),
    "TimestampArray": Value("json", json.dumps([NOW, NOW])),
    "HeadersArray": Value("json", "[[], []]"),
}
HUB_EVENT: Final[dict[str, Value | None]] = {
    "SystemProperties": Value("json", "{}"),
    "PartitionKey": Value("string", "p"),
    "SequenceNumber": Value("json", "4"),
    "Offset": Value("string", "7"),
    "EnqueuedTimeUtc": Value("json", json.dumps(NOW)),
}
CLIENT: Final = {
    "taskHubName": "hub",
    "creationUrls": {},
    "managementUrls": {"id": "INSTANCEID", "statusQueryGetUri": "http://h/INSTANCEID", "sendEventPostUri": "http://h"}
    | dict.fromkeys(("terminatePostUri", "rewindPostUri", "purgeHistoryDeleteUri"), "http://h"),
    "rpcBaseUrl": "http://h/",
    "baseUrl": "http://h",
    "requiredQueryStringParameters": "code=1",
}
HEAD: Final = {"EventType": 12, "EventId": -1, "IsPlayed": False, "Timestamp": NOW}
SCHEDULED: Final = [{**HEAD, "EventType": 4, "EventId": 0, "Name": "give"}, {**HEAD, "EventType": 13}, HEAD]
DONE: Final = [*SCHEDULED, {**HEAD, "EventType": 5, "TaskScheduledId": 0, "Result": "7"}]
FAILED: Final = [*SCHEDULED, {**HEAD, "EventType": 6, "TaskScheduledId": 0, "Reason": "why", "Details": "there"}]


def call(function: str, body: Body) -> Call:
    """A first retry of three."""
    client, parent = json.dumps(CLIENT), f"00-{'a' * 32}-{'b' * 16}-01"
    return Call(function, body, "invocation-1", client, parent, "s=1", retry_count=1, max_retry_count=3)


def request(body: bytes = b"", method: str = "GET", headers: dict[str, str] | None = None, **query: str) -> HttpRequest:
    """``query``: also the parameters of the route."""
    return HttpRequest(method, "http://127.0.0.1/api/a?b=c", headers or {"accept": "x", "x-a": "1"}, query, query, body)


def turn(name: str, given: object, *later: dict[str, Any]) -> str:
    """The context of an orchestrator. ``later``: what its history holds after the start."""
    text = json.dumps(given)
    start = {**HEAD, "EventType": 0, "Name": name, "Version": "", "Input": json.dumps(text)}
    context = {"history": [HEAD, start, *later], "input": text, "instanceId": "i", "isReplaying": False}
    return json.dumps(context | {"parentInstanceId": None, "upperSchemaVersion": 1, "upperSchemaVersionNew": 2})


def batch(state: str | None, *operations: tuple[str, str | None]) -> str:
    """What an entity is given: operations with their inputs."""
    asked = [{"name": name, "input": given, "isSignal": False} for name, given in operations]
    return json.dumps({"self": {"name": "counter", "key": "k"}, "exists": bool(state), "state": state, "batch": asked})


def answers() -> Iterator[tuple[str, Body]]:
    """HTTP functions that give back all sorts of things."""
    for name in ANSWERS:
        for function in ("answer", "answer_later", "answer_text", "answer_response", "by_out"):
            yield function, request(name=name)
    yield "by_return_and_out", request()


def requests() -> Iterator[tuple[str, Body]]:
    """What an HTTP function sees of its request."""
    for body in BODIES:
        yield "body", request(body, "POST")
        yield "request", request(body, "PUT", id="3", q="1,2")
    yield "request", request(b"a=1&b=2", "POST", FORM)
    yield "request", request(FILE, "POST", PARTS)


def contexts() -> Iterator[tuple[str, Body]]:
    """The ``context`` parameter, and durable clients."""
    for function in ("in_context", "in_context_later", "in_context_unannotated", "client_text", "rich_client"):
        yield function, request()
    yield "take_in_context", '"x"'


def timers() -> Iterator[tuple[str, Body]]:
    """Timer functions."""
    for past in (True, False):
        status = {"Last": NOW, "Next": None}
        yield "tick", json.dumps({"IsPastDue": past, "Schedule": {"AdjustForDST": True}, "ScheduleStatus": status})
    yield "tick", "{}"
    yield "tick", "no json"
    yield "tick_later", "{}"
    yield "tick_text", '{"IsPastDue": false}'


def activities() -> Iterator[tuple[str, Body]]:
    """What activities take and give back."""
    for name in VALUES:
        yield "give", json.dumps(name)
        yield "give_later", json.dumps(name)
    for given in INPUTS:
        for function in ("take", "take_text", "take_bytes", "take_dict"):
            yield function, given


def turns() -> Iterator[tuple[str, Body]]:
    """Turns of orchestrators."""
    yield "two_steps", turn("Two-Steps", "number")
    yield "two_steps", turn("Two-Steps", "number", *DONE)
    yield "two_steps", turn("Two-Steps", "number", *FAILED)
    yield "stumbling", turn("stumbling", None)
    yield "unspeakable", turn("unspeakable", None)
    yield "plain", turn("plain", {"a": [1, None]})
    yield "plain", "{}"
    yield "plain", "no json"


def entities() -> Iterator[tuple[str, Body]]:
    """Batches of operations."""
    yield "counter", batch("5", ("add", '"2"'), ("get", None))
    yield "counter", batch(None, ("add", '"2"'), ("fail", None), ("add", '"x"'), ("add", '"1"'))
    yield "counter", batch("5", ("delete", None))
    yield "counter", batch(None)
    yield "counter", "no json"


def messages() -> Iterator[tuple[str, Body]]:
    """Records and events, and what is sent on."""
    for key in (Value("string", "k"), None):
        yield "record", Message(Value("bytes", b"\x00x"), RECORD | {"Key": key})
        yield "record_metadata", Message(Value("bytes", b"x"), RECORD | {"Key": key})
    yield "records", Message(Value("collection_string", ("a", "b")), RECORDS)
    yield "records", Message(Value("collection_bytes", (b"a", b"\xff")), RECORDS)
    yield "hub_event", Message(Value("bytes", b"x"), HUB_EVENT)
    for name in VALUES.keys() - UNSENDABLE:
        yield "text_record", Message(Value("string", json.dumps({"Value": name})), {})


GROUPS: Final = {
    group.__name__: tuple(group())
    for group in (answers, requests, contexts, timers, activities, turns, entities, messages)
}
