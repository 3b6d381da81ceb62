"""Requests that end in an exception: what is answered, and the one line that is logged."""

from __future__ import annotations

import logging

from aiohttp import web

from host.http.errors import BadRequest, http_error
from host.http.slowness import Handler
from host.http.triggers import log_failure
from host.invocation import FunctionFailed
from host.runner import frames
from host.store.faults import fault_of

log = logging.getLogger("host.server")


@web.middleware
async def failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    """No exception reaches aiohttp's own log, which would print its text."""
    try:
        _check_host(request)
        return await handler(request)
    except BadRequest as error:
        return http_error(400, str(error), error)
    except web.HTTPException:
        raise
    except (ConnectionError, web.RequestPayloadError):
        return web.Response(status=400)  # the caller hung up
    except Exception as error:
        log_failure(log, "The host", FunctionFailed(type(error).__name__, "", frames(error, of_host=True)))
        if (fault := fault_of(error)) is not None:
            return http_error(503, f"The store is not well: {fault}.")
        return http_error(500, "An error has occurred.")


def _check_host(request: web.Request) -> None:
    try:
        _ = request.url
    except ValueError:
        raise BadRequest("The Host header is malformed.") from None
