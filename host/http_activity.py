"""``call_http``: the activity that the host runs by itself.

https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-http-features#consuming-http-apis and, for
what the page leaves open, ``TaskHttpActivityShim.cs`` of the Durable extension.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from host import defects
from host.clock import Clock
from host.http_content import decoded
from host.invocation import FunctionFailed
from host.options import HubOptions
from host.store.base import ActivityKey

TIMEOUT = aiohttp.ClientTimeout(total=100)
LONGEST_PAUSE = 365 * 86400
"""Seconds."""
OF_CONTENT = frozenset(
    f"content-{part}" for part in ("disposition", "encoding", "language", "length", "location", "md5", "range", "type")
) | {"allow", "expires", "last-modified"}
"""Lower-case names of the headers that .NET keeps with the content: an answer on Azure has none of them."""
OF_SENDER = frozenset({"authorization", "cookie"})
"""Lower-case names of headers that no other server than the first one gets to see."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """A response. ``url``: where it came from, after redirects."""

    status: int
    url: URL
    headers: CIMultiDictProxy[str]
    content: str

    @property
    def unfinished(self) -> bool:
        """Whether it says where the real answer will be."""
        return self.status == 202 and "Location" in self.headers


class HttpActivity:
    """Sends requests; under ``fixed`` it follows a 202 to its end, which SDK 1.x does not (#380)."""

    def __init__(
        self,
        clock: Clock,
        options: HubOptions,
        away: Callable[[], AbstractContextManager[None]],
        over: Callable[[ActivityKey], Awaitable[bool]],
    ) -> None:
        """``away``: lasts as long as one waits for its next poll. ``over``: whether nobody waits for its end."""
        self._clock = clock
        self._fixed = options.compat == "fixed"
        self._poll = timedelta(milliseconds=options.http_poll_ms)
        self._away = away
        self._over = over
        self._session: aiohttp.ClientSession | None = None
        self._sleepers: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def run(self, request_text: str, key: ActivityKey, trace: Mapping[str, str]) -> str:
        """The response as JSON text: ``{"statusCode", "headers", "content"}``. Raises FunctionFailed without one.

        A header that came several times is a list. ``trace``: headers of the request's W3C trace context, for one that
        has none of its own.
        """
        request: dict[str, Any] = json.loads(request_text)
        if request.get("tokenSource"):
            raise FunctionFailed("NotSupported", "Managed identity tokens are not available to the embedded host.")
        try:
            answer = await self._follow(request, key, trace)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise FunctionFailed(type(error).__name__, "The request got no response.") from error
        except (ValueError, TypeError) as error:
            raise FunctionFailed(type(error).__name__, "The request cannot be sent.") from error
        headers = _shown(answer.headers, whole=self._fixed)
        return json.dumps({"statusCode": answer.status, "headers": headers, "content": answer.content})

    def break_off(self) -> None:
        """Have requests that wait for their next poll, now or later, end as not run to their end."""
        self._stopping = True
        for sleeper in self._sleepers:
            sleeper.cancel()

    async def close(self) -> None:
        """Release connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _follow(self, request: Mapping[str, Any], key: ActivityKey, trace: Mapping[str, str]) -> _Answer:
        headers = CIMultiDict(_pairs(request.get("headers") or {}))
        if "traceparent" not in headers:
            headers.update(trace)
        answer = await self._send(request["method"], URL(request["uri"]), headers, request.get("content"))
        if answer.unfinished and not self._fixed:
            defects.unpolled(key.instance)
            return answer
        headers.popall("x-functions-key", None)
        headers.popall("Content-Type", None)
        while answer.unfinished:
            await self._pause(answer.headers.get("Retry-After"))
            if await self._over(key):
                raise FunctionFailed("Abandoned", "Nobody waits for the answer any more.")
            where = answer.url.join(URL(answer.headers["Location"]))
            if where.origin() != answer.url.origin():
                headers = CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in OF_SENDER)
            answer = await self._send("GET", where, headers, None)
        return answer

    async def _send(self, method: str, url: URL, headers: CIMultiDict[str], content: str | None) -> _Answer:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=TIMEOUT)
        if "multipart" in headers.get("Content-Type", ""):
            raise FunctionFailed("FunctionFailedException", "Multipart content is not supported with CallHttpAsync.")
        sent = headers.copy()
        if content is not None:
            sent.setdefault("Content-Type", "text/plain")
        async with self._session.request(method, url, data=content, headers=sent) as response:
            try:
                text = decoded(await response.read(), response.charset)
            except LookupError:
                words = "The character set provided in ContentType is invalid."
                raise FunctionFailed("InvalidOperationException", words) from None
            return _Answer(response.status, response.url, response.headers, text)

    async def _pause(self, retry_after: str | None) -> None:
        now = self._clock.now()
        sleeper = asyncio.create_task(self._clock.sleep_until(now + _delay(retry_after, now, self._poll)))
        self._sleepers.add(sleeper)
        if self._stopping:
            sleeper.cancel()
        try:
            with self._away():  # nobody waits for this: neither other activities nor whoever moves a virtual clock
                await asyncio.wait([sleeper])
        finally:
            self._sleepers.discard(sleeper)
        if sleeper.cancelled():
            raise ConnectionAbortedError("The host stops; the request is repeated when it starts again.")


def _pairs(headers: Mapping[str, str | list[str]]) -> Iterable[tuple[str, str]]:
    """A header may have several values."""
    for name, value in headers.items():
        for each in [value] if isinstance(value, str) else value:
            yield name, each


def _shown(headers: CIMultiDictProxy[str], *, whole: bool) -> dict[str, str | list[str]]:
    """Headers as the extension writes them; ``whole``: with those of the content."""
    shown: dict[str, str | list[str]] = {}
    for name in headers:
        values = headers.getall(name)
        if whole or name.lower() not in OF_CONTENT:
            shown[name] = values[0] if len(values) == 1 else values
    return shown


def _delay(retry_after: str | None, now: datetime, default: timedelta) -> timedelta:
    """https://www.rfc-editor.org/rfc/rfc9110#field.retry-after: seconds, or a date."""
    if retry_after is None:
        return default
    if retry_after.isdecimal():
        return timedelta(seconds=min(int(retry_after), LONGEST_PAUSE))
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return default
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(until - now, timedelta(0)), timedelta(seconds=LONGEST_PAUSE))
