"""Rest-hooks over HTTP, to allow-listed hosts only."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

import httpx

from adapters.notifications.base import Hook
from domain.errors import Defect, Forbidden, Rejected, Unavailable
from domain.json import Resource

_PORTS = {"http": 80, "https": 443}
_OURS = frozenset({"content-type", "content-length", "host", "idempotency-key", "transfer-encoding", "connection"})
"""Headers that a subscriber does not set."""
_PASSING = frozenset({408, 425, 429})
"""4xx of which RFC 9110, 8470 and 6585 say that another try may succeed."""


class HttpNotifier:
    """``Notifier`` over one HTTP client: no redirects, no proxies of the environment, no retries.

    ``allowed_hosts`` holds ``host`` (any port) or ``host:port``. Beyond this machine only https is spoken.
    """

    def __init__(
        self,
        allowed_hosts: Collection[str],
        *,
        timeout: float = 10.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._allowed = frozenset(host.lower() for host in allowed_hosts)
        self._client = httpx.AsyncClient(
            timeout=timeout, follow_redirects=False, trust_env=False, transport=transport, cookies=None
        )

    async def deliver(self, hook: Hook, body: Resource, notification_id: str) -> None:
        """See ``Notifier.deliver``."""
        url = check(hook, self._allowed)
        headers = _headers(hook) | {"Content-Type": "application/fhir+json", "Idempotency-Key": notification_id}
        try:
            response = await self._client.post(url, json=body, headers=headers)
        except httpx.TransportError as error:
            raise Unavailable("hook", f"the receiver does not answer ({type(error).__name__})") from None
        finally:
            self._client.cookies.clear()
        if response.is_client_error and response.status_code not in _PASSING:
            raise Rejected("hook-refused", f"the receiver answered HTTP {response.status_code}")
        if not response.is_success:
            raise Unavailable("hook", f"the receiver answered HTTP {response.status_code}")

    async def aclose(self) -> None:
        """See ``Notifier.aclose``."""
        await self._client.aclose()


def check(hook: Hook, allowed: Collection[str]) -> httpx.URL:
    """The URL of ``hook``, or ``Forbidden('hook-host')``: not a URL, another scheme, credentials, or not allowed."""
    try:
        url = httpx.URL(hook.endpoint)
    except (httpx.InvalidURL, TypeError):
        raise Forbidden("hook-host", "the endpoint is not a URL") from None
    host = url.host.lower()
    if url.scheme not in _PORTS or not host or url.userinfo:
        raise Forbidden("hook-host", "the endpoint must be an https URL without credentials")
    port = url.port or _PORTS[url.scheme]
    if host not in allowed and f"{host}:{port}" not in allowed:
        raise Forbidden("hook-host", "the endpoint's host is not on the list of allowed hosts")
    if url.scheme == "http" and not _is_loopback(host):
        raise Forbidden("hook-host", "the endpoint must use https")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _headers(hook: Hook) -> dict[str, str]:
    """The subscriber's headers (often a bearer token). A line that is no header is ours to fix: ``Defect``."""
    headers = {}
    for line in hook.headers:
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or any(ord(c) < 32 or ord(c) > 126 for c in line):
            raise Defect("hook-header", "a header of the subscription is not of the form Name: value")
        if name.strip().lower() not in _OURS:
            headers[name.strip()] = value.strip()
    return headers
