"""Rest-hooks: to a real receiver on this machine, and to the twin."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from adapters.notifications.base import Hook, Notifier
from adapters.notifications.http import HttpNotifier
from adapters.notifications.memory import MemoryNotifier
from domain.errors import Defect, Forbidden, Rejected, Unavailable

BODY = {"resourceType": "Bundle", "type": "history", "id": "b"}


@dataclass
class Receiver:
    """A tiny HTTP/1.1 server that remembers its requests and answers what it is told."""

    answer: str = "200 OK"
    header: str = ""
    silent: bool = False
    port: int = 0
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }
        self.requests.append((headers, await reader.readexactly(int(headers["content-length"]))))
        if not self.silent:
            writer.write(
                f"HTTP/1.1 {self.answer}\r\n{self.header}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            await writer.drain()
        else:
            await reader.read()
        writer.close()
        await writer.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?secret=1"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.take, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    server.close()
    await server.wait_closed()


@pytest.fixture(params=[HttpNotifier, MemoryNotifier])
async def notifier(request: pytest.FixtureRequest) -> AsyncIterator[Notifier]:
    notifier: Notifier = request.param(["127.0.0.1", "hooks.example.org:8443"])
    yield notifier
    await notifier.aclose()


@pytest.fixture
async def http() -> AsyncIterator[HttpNotifier]:
    notifier = HttpNotifier(["127.0.0.1"], timeout=0.3)
    yield notifier
    await notifier.aclose()


async def test_an_allowed_host_gets_the_notification(notifier: Notifier, receiver: Receiver) -> None:
    await notifier.deliver(Hook(endpoint=receiver.url), BODY, "n-1")
    if isinstance(notifier, MemoryNotifier):
        [delivery] = notifier.delivered
        assert (delivery.endpoint, delivery.body, delivery.notification_id) == (receiver.url, BODY, "n-1")
    else:
        [(headers, body)] = receiver.requests
        assert json.loads(body) == BODY
        assert headers["content-type"] == "application/fhir+json"
        assert headers["idempotency-key"] == "n-1"


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://localhost:1/hook",
        "https://elsewhere.example.org/hook",
        "https://hooks.example.org/hook",
        "http://hooks.example.org:8443/hook",
        "https://127.0.0.1.example.org/hook",
        "https://user:password@127.0.0.1/hook",
        "https://127.0.0.1@elsewhere.example.org/hook",
        "ftp://127.0.0.1/hook",
        "file:///etc/passwd",
        "//127.0.0.1/hook",
        "127.0.0.1/hook",
        "http://[::1/hook",
        "",
    ],
)
async def test_any_other_endpoint_is_forbidden(notifier: Notifier, endpoint: str) -> None:
    with pytest.raises(Forbidden) as caught:
        await notifier.deliver(Hook(endpoint=endpoint), BODY, "n-1")
    assert caught.value.code == "hook-host"
    assert not endpoint or endpoint not in str(caught.value)


async def test_a_receiver_that_is_down_is_unavailable() -> None:
    notifier = MemoryNotifier()
    notifier.answers = False
    with pytest.raises(Unavailable, match="hook"):
        await notifier.deliver(Hook(endpoint="http://127.0.0.1:1/"), BODY, "n-1")
    assert notifier.delivered == []


async def test_the_subscribers_headers_are_sent_but_not_over_ours(http: HttpNotifier, receiver: Receiver) -> None:
    hook = Hook(endpoint=receiver.url, headers=("Authorization: Bearer abc", "Content-Type: text/plain", "Host: other"))
    await http.deliver(hook, BODY, "n-1")
    [(headers, _)] = receiver.requests
    assert headers["authorization"] == "Bearer abc"
    assert headers["content-type"] == "application/fhir+json"
    assert headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("line", ["no colon", ": no name", "X: a\r\nInjected: b", "X: caf\u00e9"])
async def test_a_broken_header_is_a_defect_without_its_value(http: HttpNotifier, receiver: Receiver, line: str) -> None:
    with pytest.raises(Defect, match="hook-header") as caught:
        await http.deliver(Hook(endpoint=receiver.url, headers=(line,)), BODY, "n-1")
    assert line not in str(caught.value)
    assert receiver.requests == []


@pytest.mark.parametrize(
    "answer", ["302 Found", "307 Temporary Redirect", "408 Timeout", "425 Too Early", "429 Slow down", "500 Broken"]
)
async def test_what_may_pass_is_unavailable(http: HttpNotifier, receiver: Receiver, answer: str) -> None:
    receiver.answer = answer
    receiver.header = f"Location: {receiver.url}\r\n"
    with pytest.raises(Unavailable, match="hook") as caught:
        await http.deliver(Hook(endpoint=receiver.url), BODY, "n-1")
    assert "secret" not in str(caught.value)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("answer", ["400 Bad", "401 Who", "404 Not Found", "410 Gone"])
async def test_what_a_receiver_will_never_take_is_rejected(http: HttpNotifier, receiver: Receiver, answer: str) -> None:
    receiver.answer = answer
    with pytest.raises(Rejected, match="hook-refused") as caught:
        await http.deliver(Hook(endpoint=receiver.url), BODY, "n-1")
    assert "secret" not in str(caught.value)
    twin = MemoryNotifier()
    twin.takes = False
    with pytest.raises(Rejected, match="hook-refused"):
        await twin.deliver(Hook(endpoint=receiver.url), BODY, "n-1")


async def test_a_receiver_that_does_not_answer_is_unavailable(http: HttpNotifier, receiver: Receiver) -> None:
    receiver.silent = True
    with pytest.raises(Unavailable, match="ReadTimeout"):
        await http.deliver(Hook(endpoint=receiver.url), BODY, "n-1")


async def test_nobody_there_is_unavailable(http: HttpNotifier) -> None:
    with pytest.raises(Unavailable, match="ConnectError"):
        await http.deliver(Hook(endpoint="http://127.0.0.1:1/"), BODY, "n-1")


async def test_cookies_of_one_receiver_are_not_sent_to_the_next(http: HttpNotifier, receiver: Receiver) -> None:
    receiver.header = "Set-Cookie: session=1\r\n"
    for _ in range(2):
        await http.deliver(Hook(endpoint=receiver.url), BODY, "n-1")
    assert all("cookie" not in headers for headers, _ in receiver.requests)
