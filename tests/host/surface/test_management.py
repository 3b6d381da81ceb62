"""The management API as other callers use it: status codes, headers, bodies."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from host.client_binding import PUBLIC
from host.testing_http import HttpHost


class Api:
    """Calls the public prefix with the system key."""

    def __init__(self, host: HttpHost) -> None:
        self._client = host.client
        self._key = host.keys.system

    async def __call__(self, method: str, path: str, **options: Any) -> tuple[aiohttp.ClientResponse, Any]:
        params = {"code": self._key} | options.pop("params", {})
        async with self._client.request(method, PUBLIC + path, params=params, **options) as response:
            text = await response.text()
            return response, json.loads(text) if text else None


@pytest.fixture
def api(host: HttpHost) -> Api:
    return Api(host)


@pytest.mark.parametrize("params", [{}, {"code": "wrong"}])
async def test_public_prefix_needs_the_system_key(host: HttpHost, params: dict[str, str]) -> None:
    async with host.client.get(f"{PUBLIC}/instances/", params=params) as response:
        assert response.status == 401


async def test_private_prefix_needs_no_key_but_cannot_be_guessed(host: HttpHost) -> None:
    async with host.client.get(f"{host.server.binding.rpc_path}instances/") as response:
        assert response.status == 200
    async with host.client.get("/runtime/rpc/guess/instances/") as response:
        assert response.status == 404


async def test_start_answers_with_management_urls(host: HttpHost, api: Api) -> None:
    response, links = await api("POST", "/orchestrators/Approval/abc", json={"a": 1})
    assert response.status == 202
    assert response.headers["Retry-After"] == "10"
    assert response.headers["Location"] == links["statusQueryGetUri"]
    assert links["id"] == "abc"
    assert "rewindPostUri" not in links
    async with host.client.get(links["statusQueryGetUri"]) as status:
        assert status.status == 202
        assert status.headers["Retry-After"] == "5"
        assert (await status.json())["runtimeStatus"] in ("Pending", "Running")


@pytest.mark.parametrize(
    ("body", "expected"),
    [('{"a": 1}', '{"a": 1}'), ('"{\\"a\\": 1}"', '{"a": 1}'), ('"word"', '"word"'), ("[1]", "[1]")],
)
async def test_input_is_the_same_in_one_coat_of_json_or_two(host: HttpHost, api: Api, body: str, expected: str) -> None:
    await api("POST", "/orchestrators/Approval/in", data=body)
    status = await host.durable.hub.status("in")
    assert status is not None
    assert status.input == expected


@pytest.mark.parametrize("path", ["/orchestrators/nope", "/orchestrators/Approval/@x", "/orchestrators/Approval/a%2Fb"])
async def test_start_that_is_refused_says_why(api: Api, path: str) -> None:
    response, error = await api("POST", path)
    assert response.status == 400
    assert error["ExceptionMessage"]


async def test_bodies_must_be_json(api: Api) -> None:
    response, error = await api("POST", "/orchestrators/Approval", data="{")
    assert response.status == 400
    assert error["ExceptionMessage"] == "The request body is not JSON."
    await api("POST", "/orchestrators/Approval/x")
    response, _ = await api("POST", "/instances/x/raiseEvent/decided", data="1", headers={"Content-Type": "text/plain"})
    assert response.status == 400
    response, _ = await api(
        "POST", "/instances/x/raiseEvent/decided", data="{", headers={"Content-Type": "application/json"}
    )
    assert response.status == 400


async def test_live_id_is_a_conflict(api: Api) -> None:
    await api("POST", "/orchestrators/Approval/abc")
    response, error = await api("POST", "/orchestrators/Approval/abc")
    assert response.status == 409
    assert "already exists" in error["Message"]


async def test_start_and_wait(host: HttpHost, api: Api) -> None:
    response, output = await api("POST", "/orchestrators/sequence", json=1, params={"timeout": "10"})
    assert (response.status, output) == (200, 3)
    failed = {"timeout": "10", "returnInternalServerErrorOnFailure": "true"}
    response, status = await api("POST", "/orchestrators/failing", params=failed)
    assert (response.status, status["runtimeStatus"]) == (500, "Failed")
    response, links = await api("POST", "/orchestrators/Approval", params={"timeout": "0"})
    assert response.status == 202
    assert "statusQueryGetUri" in links
    response, _ = await api("POST", "/orchestrators/Approval", params={"timeout": "soon"})
    assert response.status == 400


async def test_status_parameters(host: HttpHost, api: Api) -> None:
    await api("POST", "/orchestrators/failing/f", json=1)
    await host.durable.settled("f")
    response, status = await api("GET", "/instances/f")
    assert (response.status, status["input"]) == (200, "1")
    assert "historyEvents" not in status
    _, status = await api("GET", "/instances/f", params={"showInput": "false"})
    assert status["input"] is None
    response, _ = await api("GET", "/instances/f", params={"returnInternalServerErrorOnFailure": "true"})
    assert response.status == 500
    response, body = await api("GET", "/instances/nobody")
    assert (response.status, body) == (404, None)


async def test_history_without_outputs_shows_none(host: HttpHost, api: Api) -> None:
    await api("POST", "/orchestrators/sequence/s", json=1)
    await host.durable.settled("s")
    _, status = await api("GET", "/instances/s", params={"showHistory": "true", "showInput": "false"})
    assert [event["EventType"] for event in status["historyEvents"]][1:3] == ["TaskCompleted"] * 2
    assert not any("Result" in event or "Input" in event for event in status["historyEvents"])


async def test_list_pages(api: Api) -> None:
    for number in range(5):
        await api("POST", f"/orchestrators/Approval/i-{number}")
    seen = list[str]()
    headers = dict[str, str]()
    for _ in range(3):
        response, page = await api("GET", "/instances", params={"top": "2"}, headers=headers)
        seen += [status["instanceId"] for status in page]
        headers = {"x-ms-continuation-token": response.headers.get("x-ms-continuation-token", "")}
    assert sorted(seen) == [f"i-{number}" for number in range(5)]
    assert headers["x-ms-continuation-token"] == ""


@pytest.mark.parametrize("params", [{"top": "0"}, {"runtimeStatus": "Lost"}, {"createdTimeFrom": "yesterday"}])
async def test_malformed_queries_are_refused(api: Api, params: dict[str, str]) -> None:
    response, error = await api("GET", "/instances", params=params)
    assert response.status == 400
    assert next(iter(params)) in error["ExceptionMessage"]


async def test_purge_many_needs_a_beginning(api: Api) -> None:
    response, error = await api("DELETE", "/instances")
    assert response.status == 400
    assert "createdTimeFrom" in error["ExceptionMessage"]


@pytest.mark.parametrize("verb", ["terminate", "suspend", "resume", "rewind", "raiseEvent/decided"])
async def test_verbs_know_the_unknown_and_the_ended(host: HttpHost, api: Api, verb: str) -> None:
    assert (await api("POST", f"/instances/nobody/{verb}"))[0].status == 404
    await api("POST", "/orchestrators/sequence/e", json=1)
    await host.durable.settled("e")
    assert (await api("POST", f"/instances/e/{verb}"))[0].status == 410


async def test_rewind_of_a_live_instance(api: Api) -> None:
    await api("POST", "/orchestrators/Approval/r")
    assert (await api("POST", "/instances/r/rewind"))[0].status == 412


async def test_restart(host: HttpHost, api: Api) -> None:
    assert (await api("POST", "/instances/nobody/restart"))[0].status == 400
    await api("POST", "/orchestrators/Approval/r")
    same = {"restartWithNewInstanceId": "false"}
    assert (await api("POST", "/instances/r/restart", params=same))[0].status == 409
    response, links = await api("POST", "/instances/r/restart")
    assert response.status == 202
    assert links["id"] != "r"


async def test_entities(host: HttpHost, api: Api) -> None:
    assert (await api("GET", "/entities/Counter/$"))[0].status == 404
    assert (await api("POST", "/entities/Counter/$", params={"op": "add"}, json=5))[0].status == 202
    assert (await api("POST", "/entities/Counter/b", params={"op": "add"}, json="6"))[0].status == 202
    await host.durable.hub.idle()
    assert (await api("GET", "/entities/counter/$"))[1] == 5
    _, found = await api("GET", "/entities/Counter", params={"fetchState": "true"})
    assert [(each["entityId"]["key"], each["state"]) for each in found] == [("", 5), ("b", 6)]
    assert "state" not in (await api("GET", "/entities"))[1][0]
    assert (await api("DELETE", "/entities/Counter/b"))[0].status == 202


async def test_trace_of_the_caller_reaches_the_instance(host: HttpHost, api: Api) -> None:
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    await api("POST", "/orchestrators/Approval/t", headers={"traceparent": parent})
    status = await host.durable.hub.status("t")
    assert status is not None
    assert status.traceparent == parent
