"""``call_http`` against a real server on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Generator
from typing import Any

import azure.durable_functions as df
import pytest
from aiohttp import web

from host.model import Status
from host.options import Compat
from host.testing import FunctionsInvoker, durable_host


class Server:
    """Answers 202 twice, then 200; counts."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append((request.method, await request.text(), dict(request.headers)))
        if len(self.seen) < 3:
            return web.Response(status=202, headers={"Location": self.url, "Retry-After": "5"})
        return web.json_response({"done": True})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield server
    await runner.cleanup()


def flow(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    answer = yield context.call_http(
        "POST", context.get_input(), {"a": 1}, {"x-functions-key": "secret", "Accept": "application/json"}
    )
    return [answer["statusCode"], answer["content"]]


async def test_a_202_is_followed_to_its_end_only_when_fixed(server: Server, compat: Compat) -> None:
    async with durable_host(FunctionsInvoker({"flow": flow}), compat=compat) as host:
        instance = await host.hub.start("flow", json.dumps(server.url))
        for _ in range(100):
            await asyncio.sleep(0.01)
            await host.advance(seconds=1)
        status = await host.settled(instance)
    assert status.status is Status.COMPLETED
    if compat == "fixed":
        assert json.loads(status.output or "") == [200, '{"done": true}']
        assert [method for method, _, _ in server.seen] == ["POST", "GET", "GET"]
        assert "x-functions-key" not in server.seen[1][2]
    else:
        assert json.loads(status.output or "")[0] == 202
    assert json.loads(server.seen[0][1]) == {"a": 1}


async def test_no_response_fails_the_task(compat: Compat) -> None:
    async with durable_host(FunctionsInvoker({"flow": flow}), compat=compat) as host:
        status = await host.run("flow", "http://127.0.0.1:1/")
    assert status.status is Status.FAILED
    assert "The request got no response." in (status.output or "")
