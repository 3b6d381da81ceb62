"""Page tokens that pass through a browser: signed, so that nobody can turn one into a search of their own.

A token is good for the scope alone that it was made for: the list, and who may see what it shows.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Final

from domain.errors import Malformed, Problem

_DIGEST: Final = 16


class PageTokens:
    """Seals the position of a search as an opaque, URL-safe token. Signed, not secret: the path is readable."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def seal(self, path: str, scope: str) -> str:
        """The token of ``path`` for ``scope``."""
        return base64.urlsafe_b64encode(self._sign(path.encode(), scope) + path.encode()).decode().rstrip("=")

    def open(self, token: str, scope: str) -> str:
        """The path that ``token`` was made of. Raises ``Malformed`` for a token that is not ours or of this scope."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            signature, path = raw[:_DIGEST], raw[_DIGEST:]
            if hmac.compare_digest(signature, self._sign(path, scope)):
                return path.decode()
        except (binascii.Error, ValueError):
            pass
        raise foreign_token()

    def _sign(self, path: bytes, scope: str) -> bytes:
        return hmac.new(self._key, scope.encode() + b"\0" + path, hashlib.sha256).digest()[:_DIGEST]


def foreign_token() -> Malformed:
    """The refusal of a token that was not made for this list and this reader."""
    text = "This page token is not valid for this list; start from the first page."
    return Malformed([Problem(path="?page", text=text, code="value")])
