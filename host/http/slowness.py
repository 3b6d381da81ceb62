"""Clients that are too slow to be waited for: they must not hold connections, files and memory for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from weakref import WeakSet

from aiohttp import StreamReader, web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How slow a client may be: as with Kestrel, the server of the Functions host, but for ``answer``.

    https://learn.microsoft.com/aspnet/core/fundamentals/servers/kestrel/options
    """

    headers: float = 30.0
    """Seconds for the headers of a connection's first request; up to twice that."""
    idle: float = 130.0
    """Seconds without a further request."""
    grace: float = 5.0
    """Seconds for a body of any length."""
    rate: float = 240.0
    """Bytes of a body in each further second, on average."""
    answer: float = 30.0
    """Seconds in which a client takes nothing of its answer."""


class SlowClients:
    """Ends what slow clients hold."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._known: WeakSet[asyncio.Transport] = WeakSet()
        """Connections that have sent a request."""

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Pass a request on; 408 if its body comes too slowly for a handler that waits for it."""
        if request.transport is not None:
            self._known.add(request.transport)
        if request.content.is_eof():
            return await handler(request)
        watch = _Watch(request.content, self._patience)
        try:
            return await handler(request)
        except _SlowBody:
            # What still comes is read and dropped for a while: a connection that is reset may lose the answer.
            request.content.set_exception(None)  # type: ignore[arg-type]
            return web.Response(status=408)
        finally:
            watch.stop()

    async def sweep(self, server: web.Server) -> None:
        """Close connections that stay without a request, until cancelled."""
        silent: WeakSet[asyncio.Transport] = WeakSet()
        while True:
            await asyncio.sleep(self._patience.headers)
            for transport in [connection.transport for connection in server.connections]:
                if transport is None or transport in self._known:
                    continue
                if transport in silent:
                    transport.abort()
                silent.add(transport)


class _SlowBody(Exception):
    """The body comes too slowly."""


class _Watch:
    """Breaks the reading of a body off when it falls behind."""

    def __init__(self, body: StreamReader, patience: Patience) -> None:
        self._body = body
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._timer = self._loop.call_later(patience.grace, self._look)

    def stop(self) -> None:
        """The request is answered."""
        self._timer.cancel()

    def _look(self) -> None:
        if self._body.is_eof():
            return
        due = self._begun + self._patience.grace + self._body.total_bytes / self._patience.rate
        if due <= self._loop.time():
            self._body.set_exception(_SlowBody())
        else:
            self._timer = self._loop.call_at(due, self._look)
