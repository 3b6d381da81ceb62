"""Error bodies of the management API: ASP.NET's ``HttpError``."""

from __future__ import annotations

import json

from aiohttp import web


class BadRequest(Exception):
    """A request that cannot be served as it is; the text says why and quotes no value of it."""


def http_error(status: int, message: str, exception: Exception | None = None) -> web.Response:
    """``{"Message", "ExceptionMessage", "ExceptionType"}``; the SDK's client reads ``ExceptionMessage`` of a 400."""
    body = {"Message": message}
    if exception is not None:
        body |= {"ExceptionMessage": str(exception), "ExceptionType": type(exception).__name__}
    return web.Response(status=status, text=json.dumps(body), content_type="application/json")
