"""Page tokens that pass through a browser: signed, so that nobody can turn one into a search of their own."""

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

    def seal(self, path: str) -> str:
        """The token of ``path``."""
        return base64.urlsafe_b64encode(self._sign(path.encode()) + path.encode()).decode().rstrip("=")

    def open(self, token: str) -> str:
        """The path that ``token`` was made of. Raises ``Malformed`` for a token that is not ours."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            signature, path = raw[:_DIGEST], raw[_DIGEST:]
            if hmac.compare_digest(signature, self._sign(path)):
                return path.decode()
        except (binascii.Error, ValueError):
            pass
        raise Malformed([Problem(path="page", text="This page token is not valid; start from the first page")])

    def _sign(self, path: bytes) -> bytes:
        return hmac.new(self._key, path, hashlib.sha256).digest()[:_DIGEST]
