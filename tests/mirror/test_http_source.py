"""The engine's doors as the mirror uses them: what is sent, and what becomes of every answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from domain.errors import Conflict, Defect, Forbidden, NotFound, Unavailable, WorkflowError
from domain.problem_json import problem
from mirror.http_source import HttpSource
from mirror.settings import MirrorSettings
from mirror.source import Answer

STANDING = {"id": "case-1", "workflow": "appeal", "runtime": "Running", "updated": "2026-11-02T00:00:00Z"}
HISTORY = {**STANDING, "version": "1.0.0", "execution": "e1", "steps": [{"what": "completed", "step": "open-case"}]}
CANARY = "Zebedee-1931"


def source(handler: Callable[[httpx.Request], httpx.Response], token: Callable[[], str] = lambda: "t") -> HttpSource:
    return HttpSource("http://engine.test/", token, transport=httpx.MockTransport(handler))


def answering(status: int, body: object = None) -> HttpSource:
    return source(lambda _: httpx.Response(status, json=body))


def refusing(error: WorkflowError) -> HttpSource:
    return answering(error.status, problem(error))


class Seen(list[httpx.Request]):
    """Requests, each answered with the same."""

    def __init__(self, body: object) -> None:
        super().__init__()
        self._body = body

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.append(request)
        return httpx.Response(200, json=self._body)


async def test_all_that_go_on_are_asked_for_and_those_that_ended_since() -> None:
    seen = Seen({"items": [STANDING]})
    engine = source(seen)
    (found,) = await engine.instances(None)
    assert (found.id, found.updated) == ("case-1", datetime(2026, 11, 2, tzinfo=UTC))
    await engine.instances(datetime(2026, 11, 2, tzinfo=UTC))
    assert [dict(request.url.params) for request in seen] == [{}, {"ended-since": "2026-11-02T00:00:00+00:00"}]
    assert {(request.method, request.url.path) for request in seen} == {("GET", "/processes/instances")}


async def test_a_history_is_read() -> None:
    seen = Seen(HISTORY)
    found = await source(seen).history("case-1")
    assert found is not None
    assert (found.id, found.version, found.execution, found.steps[0].step) == ("case-1", "1.0.0", "e1", "open-case")
    assert seen[0].url.path == "/processes/instances/case-1"


async def test_an_id_is_one_part_of_an_address_whatever_it_holds() -> None:
    seen = Seen(HISTORY)
    engine = source(seen)
    await engine.history("../tasks?x#y")
    await engine.decide("a/../b", "demo", "m", {})
    paths = [request.url.raw_path for request in seen]
    assert paths == [b"/processes/instances/..%2Ftasks%3Fx%23y", b"/tasks/a%2F..%2Fb/decision"]


async def test_a_decision_is_sent_for_its_person_with_its_mark() -> None:
    seen = Seen({})
    assert await source(seen).decide("r1", "Jürgen", "camunda:7", {"decision": "approve"}) == Answer(True)
    (request,) = seen
    assert (request.method, request.url.path) == ("POST", "/tasks/r1/decision")
    assert request.headers["authorization"] == "Bearer t"
    assert request.headers["x-workflow-on-behalf-of"] == "J%C3%BCrgen"
    assert request.headers["x-workflow-mark"] == "camunda:7"
    assert json.loads(request.content) == {"decision": "approve"}


async def test_a_refusal_says_its_code() -> None:
    answer = await refusing(Conflict("finished", "the task is over")).decide("r1", "demo", "m", {})
    assert answer == Answer(False, "finished")


async def test_an_instance_that_the_engine_does_not_know_is_none() -> None:
    assert await refusing(NotFound("instance", "there is none")).history("case-1") is None


@pytest.mark.parametrize("status", [302, 403, 404])
async def test_what_somebody_else_answers_is_no_word_of_the_engine(status: int) -> None:
    bodies: list[object] = [None, [], {"type": "about:blank"}, {"title": "Not Found"}]
    for body in bodies:
        engine = answering(status, body)
        with pytest.raises(Unavailable, match="engine"):
            await engine.history("case-1")
        with pytest.raises(Unavailable, match="engine"):
            await engine.decide("r1", "demo", "m", {})


@pytest.mark.parametrize("status", [401, 408, 429, 500, 502, 503])
async def test_later_it_may_answer(status: int, caplog: pytest.LogCaptureFixture) -> None:
    engine = answering(status, {"type": "urn:workflow-engine:error:unavailable"})
    for _ in range(3):
        with pytest.raises(Unavailable) as caught:
            await engine.instances(None)
    assert caught.value.code == "engine"
    (line,) = caplog.messages
    assert f"HTTP {status}" in line


async def test_no_answer_is_no_defect() -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("late", request=request)

    with pytest.raises(Unavailable, match="ReadTimeout"):
        await source(away).instances(None)


async def test_a_role_that_is_missing_is_a_defect_that_names_it() -> None:
    with pytest.raises(Defect, match="engine-403: role"):
        await refusing(Forbidden("role", "you need another one")).history("case-1")


async def test_an_answer_that_is_none_is_a_defect_that_does_not_quote_it() -> None:
    for body in ({**HISTORY, "steps": CANARY}, [CANARY], CANARY):
        with pytest.raises(Defect, match="engine-answer") as caught:
            await answering(200, body).history("case-1")
        assert CANARY not in f"{caught.value}{caught.value.__cause__}"
        assert caught.value.__suppress_context__


async def test_the_token_is_read_anew_and_waited_for(tmp_path: Path) -> None:
    seen, file = Seen({"items": []}), tmp_path / "token"
    engine = source(seen, MirrorSettings(mirror_token_file=file).token)
    with pytest.raises(Unavailable, match="token"):
        await engine.instances(None)
    for token in ("first", "second"):
        file.write_text(f"{token}\n")
        await engine.instances(None)
    assert [request.headers["authorization"] for request in seen] == ["Bearer first", "Bearer second"]
