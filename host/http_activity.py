"""``call_http``: the activity that the host runs by itself.

https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-http-features#consuming-http-apis
"""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import aiohttp

from host.clock import Clock
from host.invocation import FunctionFailed
from host.lanes import Work
from host.options import HubOptions

POLL_SECONDS = 30
"""Between two polls of a 202 that names no ``Retry-After``."""
TIMEOUT = aiohttp.ClientTimeout(total=100)


class HttpActivity:
    """Sends requests; under ``fixed`` it follows a 202 to its end, which SDK 1.x does not (#380)."""

    def __init__(self, clock: Clock, options: HubOptions, work: Work) -> None:
        self._clock = clock
        self._polls = options.compat == "fixed"
        self._work = work
        self._session: aiohttp.ClientSession | None = None
        self._sleepers: set[asyncio.Task[None]] = set()

    async def run(self, request_text: str) -> str:
        """The response as JSON text: ``{"statusCode", "headers", "content"}``. Raises FunctionFailed without one."""
        request: dict[str, Any] = json.loads(request_text)
        if request.get("tokenSource"):
            raise FunctionFailed("NotSupported", "Managed identity tokens are not available to the embedded host.")
        try:
            answer = await self._send(request)
            while self._polls and answer["statusCode"] == 202 and "Location" in answer["headers"]:
                await self._pause(answer["headers"])
                headers = {
                    name: value
                    for name, value in (request.get("headers") or {}).items()
                    if name.lower() != "x-functions-key"
                }
                answer = await self._send({"method": "GET", "uri": answer["headers"]["Location"], "headers": headers})
        except (aiohttp.ClientError, TimeoutError) as error:
            raise FunctionFailed(type(error).__name__, "The request got no response.") from error
        return json.dumps(answer)

    def break_off(self) -> None:
        """Have requests that wait for their next poll end as not run to their end."""
        for sleeper in self._sleepers:
            sleeper.cancel()

    async def close(self) -> None:
        """Release connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _send(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=TIMEOUT)
        content = request.get("content")
        headers = dict(request.get("headers") or {})
        if content is not None:
            headers.setdefault("Content-Type", "text/plain")
        async with self._session.request(request["method"], request["uri"], data=content, headers=headers) as response:
            return {
                "statusCode": response.status,
                "headers": {name: response.headers[name] for name in response.headers},
                "content": await response.text(),
            }

    async def _pause(self, headers: dict[str, str]) -> None:
        after = headers.get("Retry-After", "")
        seconds = int(after) if after.isdigit() else POLL_SECONDS
        sleeper = asyncio.create_task(self._clock.sleep_until(self._clock.now() + timedelta(seconds=seconds)))
        self._sleepers.add(sleeper)
        self._work.end()  # whoever moves a virtual clock shall not wait for this
        try:
            await asyncio.wait([sleeper])
        finally:
            self._work.begin()
            self._sleepers.discard(sleeper)
        if sleeper.cancelled():
            raise ConnectionAbortedError("The host stops; the request is repeated when it starts again.")
