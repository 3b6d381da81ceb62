"""Requests and answers byte by byte, where clients would put right what they send."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import azure.functions as func
import pytest

from host.app import AppIndex, _index
from host.server import ServerOptions
from host.settings import HostJson
from host.testing_http import HttpHost, http_host

wire_app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
CANARY = "canary-value"
PACKED = gzip.compress(b"x" * 5000, mtime=0)


@wire_app.route(route="raw")
def raw(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.get_body(), headers={"X-Encoding": req.headers.get("Content-Encoding", "")})


@wire_app.route(route="status/{code}")
def status(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("body", status_code=int(req.route_params["code"]))


@wire_app.route(route="length")
def length(req: func.HttpRequest) -> str:
    return str(len(req.headers["x-long"]))


@wire_app.route(route="rest/{*rest}")
def rest(req: func.HttpRequest) -> str:
    return json.dumps(dict(req.route_params))


@wire_app.route(route="seg/{a}/x")
def segment(req: func.HttpRequest) -> str:
    return str(req.route_params["a"])


@wire_app.route(route="any")
def any_(req: func.HttpRequest) -> str:
    return "any"


@pytest.fixture(scope="module")
def app() -> AppIndex:
    return _index(Path(), HostJson.model_validate({"version": "2.0"}), wire_app.get_functions(), {})


@pytest.fixture
async def host(app: AppIndex) -> AsyncIterator[HttpHost]:
    async with http_host(app) as host:
        yield host


async def _ask(host: HttpHost, request: str, body: bytes = b"") -> tuple[int, str]:
    """Status and all else of the answer to a request line with headers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(host.server.origin.rpartition(":")[2]))
    try:
        writer.write(f"{request}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = (await asyncio.wait_for(reader.read(), 10)).decode()
    finally:
        writer.close()
    return int(answer.split(" ")[1]), answer.partition("\r\n")[2]


async def _get(host: HttpHost, path: str) -> tuple[int, str]:
    code, answer = await _ask(host, f"GET {path} HTTP/1.1\r\nHost: localhost")
    return code, answer.partition("\r\n\r\n")[2]


@pytest.mark.parametrize(
    ("encoding", "body"), [("gzip", PACKED), ("gzip", b"plain"), ("br", b"plain"), ("deflate", b""), ("zstd", b"x")]
)
async def test_bodies_reach_functions_as_they_were_sent(host: HttpHost, encoding: str, body: bytes) -> None:
    headers = {"Content-Encoding": encoding}
    async with host.client.post("/api/raw", data=body, headers=headers, skip_auto_headers=["Content-Type"]) as response:
        assert (response.status, response.headers["X-Encoding"]) == (200, encoding)
        assert await response.read() == body


@pytest.mark.parametrize(("limit", "code"), [(len(PACKED), 200), (len(PACKED) - 1, 413)])
async def test_the_limit_of_a_body_is_that_of_what_was_sent(app: AppIndex, limit: int, code: int) -> None:
    async with http_host(app, options=ServerOptions(max_body=limit)) as host:
        headers = {"Content-Encoding": "gzip"}
        async with host.client.post("/api/raw", data=PACKED, headers=headers) as response:
            assert response.status == code


@pytest.mark.parametrize("code", [0, -1, 99, 100, 101, 103, 199, 1000, 70000])
async def test_a_status_that_ends_no_request_is_an_error(
    host: HttpHost, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert await _get(host, f"/api/status/{code}") == (500, "")
    (line,) = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    assert line.startswith(f"status answered with status {code},")


@pytest.mark.parametrize("code", [200, 299, 404, 599, 600, 999])
async def test_any_other_status_is_answered(host: HttpHost, code: int) -> None:
    assert await _get(host, f"/api/status/{code}") == (code, "body")


async def test_a_header_may_have_32_kilobytes(host: HttpHost) -> None:
    request = "GET /api/length HTTP/1.1\r\nHost: localhost\r\nX-Long: "
    code, answer = await _ask(host, request + "x" * 32_000)
    assert (code, answer.partition("\r\n\r\n")[2]) == (200, "32000")


@pytest.mark.parametrize(
    "request_text",
    [
        f"GET /api/any HTTP/1.1\r\nHost: localhost\r\nX-Long: {CANARY * 4000}",
        f"GET /api/any?q={CANARY * 4000} HTTP/1.1\r\nHost: localhost",
        f"GET /api/any HTTP/1.1\r\nHost: localhost\r\n{CANARY} without colon",
        f"GET /api/any HTTP/1.1\r\nHost: localhost\r\nX-Nul: {CANARY}\0",
        f"{CANARY} /api/any HTTP/1.1\r\nHost: localhost",
    ],
)
async def test_what_is_refused_is_not_quoted(
    host: HttpHost, request_text: str, caplog: pytest.LogCaptureFixture
) -> None:
    code, answer = await _ask(host, request_text)
    assert code == 400
    assert "Server: Functions\r\n" in answer
    assert "canary" not in answer
    assert "canary" not in caplog.text


@pytest.mark.parametrize("path", ["/api/any", "/durabletask/instances", "/nowhere"])
@pytest.mark.parametrize("name", ["localhost:abc", "example.org:99999"])
async def test_a_malformed_host_is_the_callers_fault(
    host: HttpHost, path: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    code, answer = await _ask(host, f"GET {path} HTTP/1.1\r\nHost: {name}")
    assert code == 400
    assert name not in answer
    assert "failed" not in caplog.text


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("http://x.org/y", "http://x.org/y"),
        ("a//b", "a//b"),
        ("a/b/", "a/b/"),
        ("a%2Fb%2f/c", "a%2Fb%2f/c"),
        ("a%252Fb", "a%2Fb"),
        ("a/./b/../c", "a/c"),
        ("a/%2e%2E", ""),
        ("%C3%A9%20/x", "é /x"),
    ],
)
async def test_a_catch_all_gets_the_rest_of_the_path(host: HttpHost, path: str, value: str) -> None:
    code, text = await _get(host, f"/api/rest/{path}")
    assert (code, json.loads(text)) == (200, {"rest": value} if value else {})


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [
        ("/api/rest/../any", 200, "any"),
        ("/api/rest/%2e%2e/any", 200, "any"),
        ("/../api/./any", 200, "any"),
        ("/api/any/", 200, "any"),
        ("/api/seg/a%2Fb/x", 200, "a%2Fb"),
        ("/api/seg/a%20b/x", 200, "a b"),
        ("/api//any", 404, ""),
        ("/api/any//", 404, ""),
        ("/api/rest//x", 404, ""),
    ],
)
async def test_paths_are_read_before_they_are_routed(host: HttpHost, path: str, code: int, text: str) -> None:
    assert await _get(host, path) == (code, text)
