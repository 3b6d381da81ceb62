"""Connections: what is read of a request before it has a handler, and the answer to what cannot be read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp import web

log = logging.getLogger("host.http")

MAX_HEADER = 32 * 1024
"""Bytes of one header: Kestrel takes so many of all of them."""
LINGER = 2.0
"""Seconds for which the rest of a body is read that nobody wants, so that its sender can read the answer."""
SERVER = "Functions"


class Connection(web.RequestHandler):
    """aiohttp's, but silent: its own answers and log lines quote what was sent."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 (the quoting text)
    ) -> web.StreamResponse:
        """The answer to a request that is not HTTP, or that no handler could answer; it ends the connection."""
        if exc is not None and status >= 500:
            log.error("A request failed: %s", type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("A part of another answer is sent already.")
        response = web.Response(status=status, headers={"Server": SERVER})
        response.force_close()
        return response


def connections(server: web.Server, idle: float) -> Callable[[], Connection]:
    """Makes the connections of a server, which close after ``idle`` seconds without a further request.

    Bodies stay as they were sent: the Functions host does not unpack them either.
    """
    options: dict[str, Any] = {
        "auto_decompress": False,
        "max_field_size": MAX_HEADER,
        "lingering_time": LINGER,
        "access_log": None,
    }
    return partial(Connection, server, loop=asyncio.get_running_loop(), keepalive_timeout=idle, **options)
