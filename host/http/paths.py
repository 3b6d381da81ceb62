"""Paths of requests, read as Kestrel reads them before it routes.

Reference: ``PathNormalizer`` and ``PathTokenizer`` of ASP.NET Core.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_SLASH = re.compile("(%2F)", re.IGNORECASE)


def split_path(raw: str) -> list[str]:
    """The decoded segments of a path; the last is empty when the path ends with a slash.

    ``%2F`` stays as it is, for it parts no segments. ``.`` and ``..`` are gone, also those that came as ``%2e``.
    """
    parts = [_decoded(part) for part in raw.split("/")[1:]]
    kept: list[str] = []
    for part in parts:
        if part == "..":
            del kept[-1:]
        elif part != ".":
            kept.append(part)
    if not kept or parts[-1] in (".", ".."):
        kept.append("")
    return kept


def _decoded(part: str) -> str:
    if "%" not in part:
        return part
    return "".join(piece if _SLASH.fullmatch(piece) else unquote(piece) for piece in _SLASH.split(part))
