"""``call_http`` against a real server on loopback."""

from __future__ import annotations

import asyncio
import codecs
import json
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import pairwise
from typing import Any

import azure.durable_functions as df
import pytest
from aiohttp import web
from multidict import CIMultiDict
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from host.clock import VirtualClock
from host.http_content import decoded
from host.model import InstanceStatus, Status
from host.options import Compat, HubOptions
from host.spans import as_json
from host.telemetry import Telemetry
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


class Script:
    """Answers with what it is given, in order, and notes when it was asked for what."""

    def __init__(self) -> None:
        self.answers: list[web.Response] = []
        self.seen: list[tuple[datetime, str, dict[str, str]]] = []
        self.clock = VirtualClock()
        self.origin = ""
        self.asked = asyncio.Event()
        self.may = asyncio.Event()
        self.may.set()

    async def answer(self, request: web.Request) -> web.Response:
        self.seen.append((self.clock.now(), request.path, dict(request.headers)))
        self.asked.set()
        await self.may.wait()
        return self.answers.pop(0)

    @property
    def pauses(self) -> list[float]:
        """Seconds between the requests."""
        return [(later[0] - one[0]).total_seconds() for one, later in pairwise(self.seen)]


@asynccontextmanager
async def scripted(*answers: web.Response) -> AsyncIterator[Script]:
    script = Script()
    script.answers.extend(answers)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", script.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    script.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield script
    finally:
        await runner.cleanup()


def fetch(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    request = context.get_input()
    return (yield context.call_http(request.get("method", "GET"), request["url"], None, request.get("headers")))


async def outcome(
    script: Script, compat: Compat, headers: dict[str, Any] | None = None, path: str = "/a/b", poll_ms: int = 30_000
) -> InstanceStatus:
    """The end of an instance that sends one request."""
    options = HubOptions(compat=compat, http_poll_ms=poll_ms)
    async with durable_host(FunctionsInvoker({"fetch": fetch}), clock=script.clock, options=options) as host:
        await host.hub.start("fetch", json.dumps({"url": script.origin + path, "headers": headers}), "i")
        for _ in range(500):
            await asyncio.sleep(0.01)  # the answers come over a real socket
            await host.advance(seconds=1)
            if (status := await host.settled("i")).status.ended:
                return status
    raise AssertionError("The instance did not end.")


def calls(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    return (yield context.call_activity("echo", "x"))


def later(script: Script, after: str | None, location: str = "/next") -> web.Response:
    return web.Response(status=202, headers={"location": location} | ({"Retry-After": after} if after else {}))


async def test_a_202_under_azure_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async with scripted(web.Response(status=202, headers={"Location": "/next"}), web.Response(status=202)) as script:
        assert json.loads((await outcome(script, "azure")).output or "")["statusCode"] == 202
        assert "http-202: instance i got a 202" in caplog.text
        caplog.clear()
        await outcome(script, "azure")
        assert not caplog.text, "it says nowhere where to ask again"


@pytest.mark.parametrize(
    ("after", "pause"),
    [("7", 7), ("Mon, 05 Jan 2026 09:00:40 GMT", 40), ("Mon, 05 Jan 2026 08:00:00 GMT", 0), (None, 3), ("soon", 3)],
)
async def test_pauses_between_polls(after: str | None, pause: int) -> None:
    async with scripted() as script:
        script.answers.extend([later(script, after, "../next"), web.Response(text="end")])
        status = await outcome(script, "fixed", poll_ms=3000)
    assert json.loads(status.output or "")["content"] == "end"
    assert [path for _, path, _ in script.seen] == ["/a/b", "/next"], "a location may be relative"
    assert pause - 2 <= script.pauses[0] <= pause + 2


async def test_a_pause_between_polls_holds_no_place() -> None:
    options = HubOptions(compat="fixed", max_activities=1)
    functions = FunctionsInvoker({"fetch": fetch, "calls": calls}, {"echo": lambda text: str(text)})
    async with scripted() as script, durable_host(functions, clock=script.clock, options=options) as host:
        script.answers.extend([later(script, "3600"), web.Response(text="end")])
        assert (await host.run("fetch", {"url": script.origin}, "slow")).status is Status.RUNNING
        async with asyncio.timeout(10):
            assert (await host.run("calls")).status is Status.COMPLETED
        await host.advance(hours=1)
        assert (await host.settled("slow")).status is Status.COMPLETED


async def test_a_202_that_comes_while_the_host_stops_does_not_hold_it_up() -> None:
    async with scripted() as script, durable_host(FunctionsInvoker({"fetch": fetch}), compat="fixed") as host:
        script.answers.append(later(script, "3600"))
        script.may.clear()
        await host.hub.start("fetch", json.dumps({"url": script.origin}))
        await script.asked.wait()
        stopping = asyncio.create_task(host.hub.drain())
        await asyncio.sleep(0)
        script.may.set()
        async with asyncio.timeout(10):
            await stopping


async def test_what_nobody_waits_for_is_polled_no_more() -> None:
    functions = FunctionsInvoker({"fetch": fetch})
    async with scripted() as script, durable_host(functions, clock=script.clock, compat="fixed") as host:
        script.answers.extend(later(script, "60") for _ in range(3))
        assert (await host.run("fetch", {"url": script.origin}, "i")).status is Status.RUNNING
        await host.advance(minutes=1)
        assert len(script.seen) == 2
        await host.hub.terminate("i")
        assert (await host.settled("i")).status is Status.TERMINATED
        await host.advance(minutes=5)
    assert len(script.seen) == 2


async def test_another_server_gets_no_credentials_when_polled() -> None:
    async with scripted() as first, scripted(web.Response()) as other:
        first.answers.append(later(first, "1", f"{other.origin}/x"))
        secret = {"Authorization": "Bearer x", "Cookie": "a=b", "x-functions-key": "k", "Accept": "text/plain"}
        await outcome(first, "fixed", secret)
    assert first.seen[0][2].items() >= secret.items()
    assert other.seen[0][2]["Accept"] == "text/plain"
    assert not {"authorization", "cookie", "x-functions-key"} & {name.lower() for name in other.seen[0][2]}


async def test_a_request_belongs_to_the_trace_unless_the_code_says_otherwise(compat: Compat) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    functions = FunctionsInvoker({"fetch": fetch})
    functions.telemetry = Telemetry(provider.get_tracer("test"))
    parent, own = f"00-{'a' * 32}-{'b' * 16}-01", f"00-{'c' * 32}-{'d' * 16}-01"
    async with scripted(web.Response(), web.Response()) as script, durable_host(functions, compat=compat) as host:
        for headers in (None, {"traceparent": own}):
            request = json.dumps({"url": script.origin, "headers": headers})
            await host.hub.start("fetch", request, traceparent=parent, tracestate="k=1")
            await host.hub.idle()
    spans = [as_json(span) for span in exporter.get_finished_spans()]
    assert [(span["name"], span["trace"], span["parent"]) for span in spans] == [
        ("activity:BuiltIn::HttpActivity", "a" * 32, "b" * 16)
    ] * 2
    sent = [(headers.get("traceparent"), headers.get("tracestate")) for _, _, headers in script.seen]
    assert sent == [(f"00-{'a' * 32}-{spans[0]['span']}-01", "k=1"), (own, None)]


async def test_bodies_that_are_no_text_are_read_with_replacements(compat: Compat) -> None:
    async with scripted(web.Response(body=b"%PDF\xff\xfe", content_type="application/pdf")) as script:
        status = await outcome(script, compat)
    assert json.loads(status.output or "")["content"] == "%PDF\ufffd\ufffd"


async def test_a_charset_that_nobody_knows_fails_the_task(compat: Compat) -> None:
    async with scripted(web.Response(body=b"x", headers={"Content-Type": "text/plain; charset=klingon"})) as script:
        status = await outcome(script, compat)
    assert status.status is Status.FAILED
    assert "The character set provided in ContentType is invalid." in (status.output or "")


@pytest.mark.parametrize(
    ("body", "charset", "text"),
    [
        (b"caf\xe9", "latin-1", "café"),
        (b"caf\xc3\xa9", '"utf-8"', "café"),
        (codecs.BOM_UTF8 + b"x", None, "x"),
        (codecs.BOM_UTF8 + b"x", "utf-8", "x"),
        (codecs.BOM_UTF16_BE + b"\0x", None, "x"),
        (codecs.BOM_UTF16_LE + b"x\0", None, "x"),
        (codecs.BOM_UTF32_LE + b"x\0\0\0", None, "x"),
        (b"", None, ""),
    ],
)
def test_bodies_are_decoded_as_on_azure(body: bytes, charset: str | None, text: str) -> None:
    assert decoded(body, charset) == text


@pytest.mark.parametrize("charset", ["hex", "idna", "x" * 50])
def test_what_is_no_charset_is_refused(charset: str) -> None:
    with pytest.raises(LookupError):
        decoded(b"\xff.x" * 30, charset)


async def test_headers_of_an_answer(compat: Compat) -> None:
    answer = web.Response(text="x", headers=CIMultiDict([("Warning", "1"), ("Warning", "2"), ("X-One", "e")]))
    async with scripted(answer) as script:
        headers = json.loads((await outcome(script, compat)).output or "")["headers"]
    assert (headers["Warning"], headers["X-One"]) == (["1", "2"], "e")
    assert ("Content-Type" in headers) == (compat == "fixed"), "on Azure the content keeps its own headers"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"X": "a\nb"}, "The request cannot be sent."),
        ({"X": 1}, "The request cannot be sent."),
        ({"content-type": "multipart/form-data"}, "Multipart content is not supported"),
    ],
)
async def test_what_cannot_be_sent_fails_the_task(headers: dict[str, Any], reason: str) -> None:
    async with scripted() as script:
        status = await outcome(script, "azure", headers)
    assert status.status is Status.FAILED
    assert reason in (status.output or "")
    assert not script.seen


async def test_no_response_fails_the_task(compat: Compat) -> None:
    async with durable_host(FunctionsInvoker({"flow": flow}), compat=compat) as host:
        status = await host.run("flow", "http://127.0.0.1:1/")
    assert status.status is Status.FAILED
    assert "The request got no response." in (status.output or "")
