"""How the client of the rules service maps failures; none of them quotes a fact."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from adapters.rules.http import HttpRules
from domain.errors import Defect, NotFound, Unavailable, WorkflowError

CANARY = "Zebedee-1931"
ANSWER = {"ruleset": "r", "version": "1.0.0", "contentHash": "00", "results": {}, "fired": [{"id": "A", "text": "B."}]}


def client(handler: Callable[[httpx.Request], httpx.Response]) -> HttpRules:
    return HttpRules("http://rules.test", transport=httpx.MockTransport(handler))


def answering(status: int, body: object) -> HttpRules:
    return client(lambda request: httpx.Response(status, json=body))


async def test_sends_the_facts_to_the_pinned_version() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=ANSWER | {"later": "field"})

    answer = await client(handle).evaluate("r", "1.0.0", {"Fact": {"on": "2026-11-02"}})
    (request,) = seen
    assert (request.method, request.url.path) == ("POST", "/v1/rulesets/r/versions/1.0.0/evaluate")
    assert json.loads(request.content) == {"facts": {"Fact": {"on": "2026-11-02"}}}
    assert (answer.content_hash, answer.fired[0].id) == ("00", "A")


async def test_leaves_out_rulesets_without_a_current_version() -> None:
    rules = answering(200, [{"name": "a", "current": "1.0.0"}, {"name": "b", "current": None}])
    assert await rules.current() == {"a": "1.0.0"}


REFUSAL = {"code": "facts-refused", "errors": [{"place": "Member.nickname", "text": "is not a field; known: [active]"}]}


@pytest.mark.parametrize(
    ("status", "body", "family", "code"),
    [
        (404, {}, NotFound, "ruleset"),
        (422, REFUSAL, Defect, "rules-refused"),
        (400, "text", Defect, "rules-refused"),
        (429, {}, Unavailable, "rules"),
        (500, {}, Unavailable, "rules"),
        (503, {}, Unavailable, "rules"),
        (200, {"results": CANARY}, Defect, "rules-answer"),
        (200, [CANARY], Defect, "rules-answer"),
    ],
)
async def test_maps_answers_to_errors(status: int, body: object, family: type[WorkflowError], code: str) -> None:
    with pytest.raises(family) as error:
        await answering(status, body).evaluate("r", "1.0.0", {"Member": {"nickname": CANARY}})
    assert error.value.code == code
    assert CANARY not in str(error.value)
    assert error.value.__cause__ is None


async def test_a_refusal_names_the_place_and_the_known_fields() -> None:
    with pytest.raises(Defect, match=r"Member\.nickname is not a field; known: \[active\]"):
        await answering(422, REFUSAL).evaluate("r", "1.0.0", {})


@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
async def test_a_service_that_does_not_answer_is_unavailable(failure: type[httpx.TransportError]) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        raise failure(CANARY)

    for call in (client(handle).ready(), client(handle).current(), client(handle).evaluate("r", "1.0.0", {})):
        with pytest.raises(Unavailable) as error:
            await call
        assert error.value.code == "rules"
        assert CANARY not in str(error.value)


async def test_an_answer_that_is_no_json_is_unavailable() -> None:
    rules = client(lambda request: httpx.Response(200, text="<html>"))
    with pytest.raises(Unavailable):
        await rules.current()


async def test_not_ready_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await answering(503, {"status": "not ready", "missing": ["packages are loading"]}).ready()
