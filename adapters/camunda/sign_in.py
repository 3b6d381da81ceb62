"""Signs in at Camunda SaaS, or at the Identity of a self-managed one, with OAuth 2 client credentials.

Source: RFC 6749, 4.4; the client stands in the body, as in Camunda's own clients
(https://docs.camunda.io/docs/8.6/apis-tools/camunda-api-rest/camunda-api-rest-authentication/).
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import grpc
import httpx

from adapters.outage import Outage
from domain.errors import Unavailable

SECONDS: Final = 10.0
"""That the token endpoint may take."""
LEEWAY: Final = 30.0
"""Seconds before its end, half of a shorter life, in which a token is renewed."""
LIFE: Final = 60.0
"""Seconds that a token is taken to live that does not say it."""
AGAIN: Final = 15.0
"""Seconds for which a refusal stands, and for which a new token is kept whoever refuses it: with each call a wrong
secret would be tried again, and its client be locked."""
_CODES: Final = frozenset(
    {"access_denied", "invalid_client", "invalid_request", "invalid_scope", "unauthorized_client"}
)
"""What an endpoint may say of a refusal; anything else is not told."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who signs in, and where."""

    id: str
    secret: str = field(repr=False)
    token_url: str
    audience: str


class Tokens:
    """The token of ``client``, fetched when it is first needed and renewed before it ends. For use by several threads:
    while one of them fetches it, the others wait."""

    def __init__(
        self, client: Client, trusted: ssl.SSLContext | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        """``trusted``: whose certificates; of the well-known authorities without it."""
        self._client, self._now = client, now
        self._trusted = trusted or httpx.create_ssl_context(trust_env=False)
        self._outage = Outage("The sign-in at Camunda", "Workflows go on; what it shows catches up later.")
        self._lock = threading.Lock()
        self._token = ""
        self._since = self._until = 0.0
        self._refusal: str | None = None

    def bearer(self) -> str:
        """The value of the header ``Authorization``. Blocks. Raises ``Unavailable('camunda')``."""
        with self._lock:
            if self._now() >= self._until:
                self._renew()
            if self._refusal is not None:
                raise self._outage.failed(Unavailable("camunda", self._refusal))
            self._outage.answered()
            return f"Bearer {self._token}"

    def refused(self) -> None:
        """Camunda does not take the token, though it should live: the next call fetches another one."""
        if self._now() >= self._since + AGAIN:
            self._until = 0.0

    def _renew(self) -> None:
        self._since = self._now()
        try:
            self._token, life = self._fetch()
            self._refusal, self._until = None, self._since + life - min(LEEWAY, life / 2)
        except Unavailable as error:
            self._refusal, self._until = error.text, self._since + AGAIN

    def _fetch(self) -> tuple[str, float]:
        """A token, and the seconds that it lives."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client.id,
            "client_secret": self._client.secret,
            "audience": self._client.audience,
        }
        url = self._client.token_url
        try:
            answer = httpx.post(url, data=form, verify=self._trusted, timeout=SECONDS, trust_env=False)
            token = answer.raise_for_status().json()
            return str(token["access_token"]), float(token.get("expires_in") or LIFE)
        except httpx.HTTPStatusError:
            why = f"answered HTTP {answer.status_code}{_code(answer)}"
        except httpx.HTTPError as error:
            why = f"did not answer ({type(error).__name__})"
        except (ValueError, KeyError, TypeError, AttributeError):
            why = "gave no token"
        raise Unavailable("camunda", f"the token endpoint {why}")


class Signature(grpc.AuthMetadataPlugin):
    """Signs each call of a channel. gRPC calls it in a thread of its own."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def __call__(self, context: grpc.AuthMetadataContext, callback: grpc.AuthMetadataPluginCallback) -> None:
        """Give the token, or why there is none."""
        del context
        try:
            callback((("authorization", self._tokens.bearer()),), None)
        except Unavailable as error:
            callback((), error)


def _code(answer: httpx.Response) -> str:
    """The code of a refusal, where it is one that is known."""
    try:
        code = answer.json()["error"]
        return f" ({code})" if code in _CODES else ""
    except (ValueError, KeyError, TypeError):
        return ""
