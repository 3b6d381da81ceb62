"""What a function answered to a request, as an HTTP response."""

from __future__ import annotations

import time
from http.cookies import Morsel
from typing import Any

from azure.functions import meta

from host.call import HttpResponse

EXPIRES = "%a, %d %b %Y %H:%M:%S GMT"
"""The one format that the Python worker takes of a cookie's ``Expires``."""


def http_response(datum: meta.Datum) -> HttpResponse:
    """Of a ``string`` or ``http`` datum, as the converter ``http`` of azure.functions makes it.

    Raises:
        ValueError: A cookie has an ``Expires`` or ``Max-Age`` that the worker cannot send to the host.
    """
    if datum.type == "string":
        return HttpResponse(200, (("Content-Type", "text/plain; charset=utf-8"),), datum.value.encode())
    value = datum.value
    headers = [(name, each.value) for name, each in value["headers"].items()]
    headers += [("Set-Cookie", _cookie(morsel)) for cookie in value["cookies"] or () for morsel in cookie.values()]
    return HttpResponse(int(value["status_code"].value), tuple(headers), bytes(value["body"].value or b""))


def _cookie(morsel: Morsel[Any]) -> str:
    if morsel["expires"]:
        time.strptime(morsel["expires"], EXPIRES)
    if morsel["max-age"]:
        float(morsel["max-age"])
    return morsel.OutputString()
