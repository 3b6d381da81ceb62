"""Clients that are slow or silent hold nobody up, and are not waited for without end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from host.http.slowness import Patience
from host.server import ServerOptions
from host.testing_http import HttpHost, http_host
from tests.host.faulty_host import APP

PATIENCE = Patience(headers=0.2, idle=0.4, grace=0.4, rate=400, answer=1.0)
LONG = 10.0
"""Seconds: for a machine that is busy."""
START = "POST /durabletask/orchestrators/parked/{} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
BODY = b'"' + b"x" * 998 + b'"'


@pytest.fixture
async def host() -> AsyncIterator[HttpHost]:
    async with http_host(APP, options=ServerOptions(patience=PATIENCE)) as host:
        yield host


@contextlib.asynccontextmanager
async def _connection(host: HttpHost) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(host.server.origin.rpartition(":")[2]))
    try:
        yield reader, writer
    finally:
        writer.close()


async def _well(host: HttpHost) -> None:
    async with host.client.get("/health/ready", timeout=aiohttp.ClientTimeout(LONG)) as answer:
        assert answer.status == 200


async def _ended(reader: asyncio.StreamReader) -> bytes:
    """What the host sends until it closes the connection."""
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(reader.read(), LONG)
    return b""


async def test_a_client_that_says_nothing_is_left(host: HttpHost) -> None:
    async with _connection(host) as (reader, _):
        await _well(host)
        assert await _ended(reader) == b""


async def test_headers_that_come_byte_by_byte_are_left(host: HttpHost) -> None:
    async with _connection(host) as (reader, writer):
        leaving = asyncio.create_task(_ended(reader))
        for byte in START.format("slow").encode() * 50:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.01)
            if leaving.done():
                break
        assert leaving.done()
        await _well(host)


async def test_a_connection_without_a_further_request_is_closed(host: HttpHost) -> None:
    async with _connection(host) as (reader, writer):
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\nGET /hea")
        assert (await _ended(reader)).startswith(b"HTTP/1.1 200")


async def test_a_body_that_comes_byte_by_byte_is_refused(host: HttpHost) -> None:
    async with _connection(host) as (reader, writer):
        writer.write(START.format("dripping").encode() + b"Content-Length: 1000\r\n\r\n")
        answer = asyncio.create_task(asyncio.wait_for(reader.read(12), LONG))
        for _ in range(1000):
            writer.write(b"x")
            await asyncio.sleep(0.01)
            if answer.done():
                break
        assert await answer == b"HTTP/1.1 408"
        await _well(host)
    assert await host.durable.hub.status("dripping") is None


async def test_a_body_that_comes_in_time_is_taken(host: HttpHost) -> None:
    async with _connection(host) as (reader, writer):
        writer.write(START.format("steady").encode() + b"Content-Length: 1000\r\n\r\n")
        for number in range(10):
            writer.write(BODY[number * 100 : (number + 1) * 100])
            await asyncio.sleep(0.06)  # in all more than the grace
        assert (await asyncio.wait_for(reader.read(12), LONG)) == b"HTTP/1.1 202"
    assert await host.durable.hub.status("steady") is not None


async def test_a_client_that_never_reads_its_answer_is_left(host: HttpHost) -> None:
    await host.durable.hub.start("parked", '"' + "x" * 8_000_000 + '"', "large")
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.setblocking(False)
        port = int(host.server.origin.rpartition(":")[2])
        await asyncio.get_running_loop().sock_connect(lazy, ("127.0.0.1", port))
        lazy.send(b"GET /durabletask/instances/large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await _well(host)
        assert lazy.getsockname() in _peers(host)
        async with asyncio.timeout(LONG):
            while lazy.getsockname() in _peers(host):  # noqa: ASYNC110 the kernel ends it
                await asyncio.sleep(0.05)


def _peers(host: HttpHost) -> list[object]:
    """Who is connected."""
    server = host.server._runner.server
    assert server is not None
    return [each.transport.get_extra_info("peername") for each in server.connections if each.transport is not None]
