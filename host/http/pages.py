"""Pages of the management API's lists: how long one is, and the tokens that lead to the next."""

from __future__ import annotations

from zlib import crc32

from aiohttp import web

from host import defects
from host.http.anycase import query_of
from host.http.errors import BadRequest
from host.options import Compat

CONTINUATION = "x-ms-continuation-token"
PAGE = 100
"""Entries of a page for a reader that names no ``top`` (``OrchestrationStatusQueryCondition`` of the extension)."""
LONGEST = 10_000
"""Entries of a page, for one who asks for more."""


class Pages:
    """The pages of one list. ``route``: its path below the API's prefix; a token of another list is refused."""

    def __init__(self, route: str, compat: Compat | None = None) -> None:
        self._route = route
        self._page = PAGE if compat == "azure" else None
        self._said = False

    def top(self, request: web.Request) -> int | None:
        """Entries wanted; None: all."""
        text = query_of(request).get("top")
        if not text:
            return self._page
        if not text.isdecimal() or not int(text):
            raise BadRequest("The parameter 'top' must be a number from 1 on.")
        return min(int(text), LONGEST)

    def token(self, request: web.Request) -> str | None:
        """The store's token of the page wanted; None: the first."""
        text = request.headers.get(CONTINUATION)
        if not text:
            return None
        mark, _, token = text.partition(".")
        if mark != self._mark(token):
            raise BadRequest("The continuation token is not one of this list.")
        return token

    def headers(self, request: web.Request, token: str | None) -> dict[str, str]:
        """Headers of a page. ``token``: the store's, of the next page."""
        if token is None:
            return {}
        if not query_of(request).get("top") and not request.headers.get(CONTINUATION) and not self._said:
            self._said = True
            defects.first_page(self._route, PAGE)
        return {CONTINUATION: f"{self._mark(token)}.{token}"}

    def _mark(self, token: str) -> str:
        """What a token that was cut, made up or given by another list does not have."""
        return f"{crc32(f'{self._route} {token}'.encode(errors='surrogateescape')):08x}"
