"""Paths and query names in any case, as ASP.NET matches them."""

from __future__ import annotations

import re

from aiohttp import web
from multidict import CIMultiDict

_WORD = re.compile(r"/([A-Za-z]+)")
"""A segment of a path that is no parameter."""


def any_case(path: str) -> str:
    """A path for aiohttp's router whose words match in any case, with or without a slash at the end."""
    counted = iter(range(len(path)))
    words = _WORD.sub(lambda word: f"/{{_{next(counted)}:(?i:{word[1]})}}", path)
    return f"{words}{{_:/?}}"


def query_of(request: web.Request) -> CIMultiDict[str]:
    """The query parameters; a name may stand several times, the first counts."""
    return CIMultiDict(request.query)
