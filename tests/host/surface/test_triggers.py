"""HTTP triggers as a caller meets them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from host.app import AppIndex
from host.server import ServerOptions
from host.settings import HostJson
from host.testing_http import HttpHost, http_host


async def test_request_reaches_the_function(host: HttpHost) -> None:
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    headers = {"X-Twice": "1", "traceparent": parent}
    async with host.client.post("/api/echo/7/x%20y?a=1&a=2&b=%C3%A9", data="body", headers=headers) as response:
        assert response.status == 200
        assert response.headers["X-One"] == "1"
        assert response.content_type == "application/json"
        seen = await response.json()
    assert seen["method"] == "POST"
    assert seen["url"] == f"{host.server.origin}/api/echo/7/x%20y?a=1&a=2&b=%C3%A9"
    assert seen["params"] == {"a": "1,2", "b": "é"}
    assert seen["route"] == {"id": "7", "rest": "x y"}
    assert seen["headers"]["x-twice"] == "1"
    assert seen["body"] == "body"
    assert seen["function"] == "echo"
    assert seen["trace"][3:35] == "a" * 32
    assert seen["thread"].startswith("function")


@pytest.mark.parametrize(
    ("sent", "passed"),
    [("a=1,b@c=2", "a=1,b@c=2"), ("canary", ""), ("a=canary" + "x" * 600, ""), ("k=1,k=2", "k=1,k=2")],
)
async def test_state_of_a_trace_comes_only_in_its_form(
    host: HttpHost, sent: str, passed: str, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": sent}
    async with host.client.get("/api/echo/7", headers=headers) as response:
        assert (await response.json())["state"] == passed
    assert not [each for each in caplog.records if each.name.startswith("opentelemetry")]


async def test_most_specific_route_wins(host: HttpHost) -> None:
    async with host.client.get("/api/echo/latest") as response:
        assert await response.text() == "latest"
    async with host.client.get("/api/echo/word") as response:
        assert response.status == 404


@pytest.mark.parametrize(("path", "text"), [("/api/files/a/b%20c", "a/b c"), ("/api/files", "(none)")])
async def test_catch_all(host: HttpHost, path: str, text: str) -> None:
    async with host.client.get(path) as response:
        assert await response.text() == text


async def test_wrong_method_says_which_are_right(host: HttpHost) -> None:
    async with host.client.post("/api/files/a") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS"
    async with host.client.options("/api/files/a") as response:
        assert response.status == 204
        assert "GET" in response.headers["Allow"]
    async with host.client.head("/api/files/a") as response:
        assert response.status == 200
        assert await response.read() == b""


async def test_unknown_path(host: HttpHost) -> None:
    async with host.client.get("/elsewhere") as response:
        assert response.status == 404


async def test_function_level_takes_host_and_function_keys(host: HttpHost) -> None:
    path = "/api/fhir/Claim/$submit"
    for key, status in (
        (None, 401),
        ("wrong", 401),
        (host.keys.host, 201),
        (host.keys.functions.get("submit", "-"), 401),
        (host.keys.master, 201),
    ):
        async with host.client.post(path, headers={"x-functions-key": key} if key else {}) as response:
            assert response.status == status
        async with host.client.post(path, params={"code": key} if key else {}) as response:
            assert response.status == status
    async with host.client.post(path, headers={"x-functions-key": host.keys.host}) as response:
        assert response.headers.getall("Set-Cookie") == ["a=b; Path=/"]


async def test_admin_level_takes_the_master_key_only(host: HttpHost) -> None:
    async with host.client.get("/api/guarded", headers={"x-functions-key": host.keys.host}) as response:
        assert response.status == 401
    async with host.client.get("/api/guarded", headers={"x-functions-key": host.keys.master}) as response:
        assert await response.text() == "admin"


async def test_failure_tells_nothing(host: HttpHost, caplog: pytest.LogCaptureFixture) -> None:
    async with host.client.get("/api/broken?secret=1") as response:
        assert response.status == 500
        assert await response.read() == b""
    assert "broken failed: ValueError at " in caplog.text
    assert "function_app.py" in caplog.text
    assert "canary-value" not in caplog.text
    assert "secret" not in caplog.text


async def test_no_answer_is_204(host: HttpHost) -> None:
    async with host.client.get("/api/outgoing?silent=1") as response:
        assert response.status == 204


async def test_none_in_place_of_an_answer_is_an_error_as_on_azure(
    host: HttpHost, caplog: pytest.LogCaptureFixture
) -> None:
    async with host.client.get("/api/nothing") as response:
        assert response.status == 500
    assert "nothing failed: TypeError" in caplog.text


async def test_answer_by_output_binding(host: HttpHost) -> None:
    async with host.client.get("/api/outgoing") as response:
        assert (response.status, await response.text()) == (202, "by out")


async def test_async_functions_share_a_loop_and_do_not_wait_for_each_other(host: HttpHost) -> None:
    async with host.client.get("/api/sleep/0.01") as response:
        assert await response.text() == "awake"


async def test_function_over_the_time_limit_fails(host: HttpHost, caplog: pytest.LogCaptureFixture) -> None:
    async with host.client.get("/api/sleep/60") as response:
        assert response.status == 500
    assert "FunctionTimeoutException" in caplog.text


async def test_body_over_the_limit(app: AppIndex) -> None:
    async with http_host(app, options=ServerOptions(max_body=10)) as host:
        async with host.client.post("/api/echo/1", data="x" * 10) as response:
            assert response.status == 200
        async with host.client.post("/api/echo/1", data="x" * 11) as response:
            assert response.status == 413


async def test_disabled_and_unsupported_functions_are_not_served(host: HttpHost) -> None:
    async with host.client.get("/api/off") as response:
        assert response.status == 404
    assert host.app.disabled == ("switched_off",)
    assert "queueTrigger" in host.app.refused["queued"]


async def test_durable_client_in_a_function(host: HttpHost) -> None:
    async with host.client.post("/api/start/sequence?id=mine", json=1) as response:
        assert response.status == 202
        assert response.headers["Retry-After"] == "10"
        links = await response.json()
    assert links["id"] == "mine"
    assert (await host.durable.settled("mine")).output == "3"


async def test_client_binding_as_text(host: HttpHost) -> None:
    async with host.client.get("/api/binding") as response:
        binding = json.loads(await response.text())
    assert binding["taskHubName"] == "SurfaceHub"
    assert binding["rpcBaseUrl"].startswith(host.server.origin)
    assert binding["rpcBaseUrl"].endswith("/")
    assert binding["managementUrls"]["id"] == "INSTANCEID"
    assert binding["requiredQueryStringParameters"] == f"code={host.keys.system}"


async def test_draining_refuses_new_requests_and_ends_the_old(host: HttpHost) -> None:
    running = asyncio.ensure_future(host.client.get("/api/sleep/0.3"))
    await asyncio.sleep(0.1)
    draining = asyncio.ensure_future(host.server.drain())
    await asyncio.sleep(0)
    async with host.client.get("/api/nothing") as response:
        assert response.status == 503
    assert (await running).status == 200
    await draining


def with_http(app: AppIndex, **section: object) -> AppIndex:
    """The app with another ``extensions.http`` in its host.json."""
    document = {"version": "2.0", "extensions": {"http": section}}
    return replace(app, host_json=HostJson.model_validate(document))


async def test_requests_over_the_limits_wait_or_are_refused(app: AppIndex) -> None:
    async def get() -> int:
        async with host.client.get("/api/sleep/0.05") as response:
            return response.status

    clock = asyncio.get_running_loop()
    async with http_host(with_http(app, maxConcurrentRequests=1, maxOutstandingRequests=2)) as host:
        begun = clock.time()
        assert sorted(await asyncio.gather(get(), get(), get())) == [200, 200, 429]
        assert clock.time() - begun >= 0.1, "one after the other"
        assert await get() == 200


@pytest.mark.parametrize("limit", [-1, 0])
async def test_limits_that_are_not_positive_are_none(app: AppIndex, limit: int) -> None:
    async def get() -> int:
        async with host.client.get("/api/whoami") as response:
            return response.status

    async with http_host(with_http(app, maxConcurrentRequests=limit, maxOutstandingRequests=limit)) as host:
        assert await asyncio.gather(*[get() for _ in range(10)]) == [200] * 10


async def test_custom_headers_are_added_to_answers_without_them(app: AppIndex) -> None:
    headers = {"X-Content-Type-Options": "nosniff", "x-one": "other"}
    async with http_host(with_http(app, customHeaders=headers)) as host:
        async with host.client.get("/api/echo/7") as response:
            assert response.headers.getall("X-Content-Type-Options") == ["nosniff"]
            assert response.headers.getall("X-One") == ["1"], "the function's own"
        async with host.client.get("/api/guarded") as response:
            assert (response.status, response.headers["X-One"]) == (401, "other")
        async with host.client.get("/health/live") as response:
            assert "X-One" not in response.headers
