"""``/.auth``: sign-in of the development identity, and the principal headers of every request.

Only for one machine: the page lets whoever sees it be anybody, so it answers on loopback alone.
"""

from __future__ import annotations

import html
import json
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web

from host.http.triggers import combined_headers
from host.identity import PREFIX, Identities, Identity

COOKIE = "AppServiceAuthSession"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "X-Frame-Options": "DENY",
    # With no-referrer a browser sends `Origin: null` from this page's own form, and the sign-in is refused.
    "Referrer-Policy": "same-origin",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in (development)</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem}}
label{{display:block;padding:.4rem}}button{{font:inherit;padding:.5rem 1.5rem;margin-top:1rem}}</style></head>
<body><main><h1>Sign in</h1><p>This machine only. Choose who you are for this session.</p>
<form method="post"><fieldset><legend>Who are you?</legend>{choices}</fieldset>
<input type="hidden" name="post_login_redirect_uri" value="{target}"><button type="submit">Sign in</button></form>
</main></body></html>"""
_CHOICE = '<label><input type="radio" name="id" value="{id}" required> {name} ({roles})</label>'


class SignIn:
    """Who a request comes from. Without identities nobody is signed in, and bearer tokens are the app's own affair."""

    def __init__(self, identities: Identities | None) -> None:
        self._identities = identities

    def routes(self) -> list[web.RouteDef]:
        """The routes of ``/.auth``; none without identities."""
        if self._identities is None:
            return []
        return [
            web.get("/.auth/login/dev", self.page),
            web.post("/.auth/login/dev", self.login),
            web.get("/.auth/logout", self.logout),
            web.get("/.auth/me", self.me),
        ]

    def headers(self, request: web.Request) -> dict[str, str]:
        """The request's headers with our principal, or with none.

        Raises:
            web.HTTPUnauthorized: An unknown bearer token.
            web.HTTPForbidden: A cookie came with a state-changing request of another site.
        """
        headers = {name: value for name, value in combined_headers(request).items() if not name.startswith(PREFIX)}
        identity = self.identify(request)
        return headers | (identity.headers() if identity else {})

    def identify(self, request: web.Request) -> Identity | None:
        """Who asks; None: nobody is signed in. Raises as ``headers`` does."""
        if self._identities is None:
            return None
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            identity = self._identities.of_token(token.strip())
            if identity is None:
                raise web.HTTPUnauthorized(headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
            return identity
        identity = self._identities.of_token(request.cookies.get(COOKIE, ""))
        if identity is not None and request.method not in _SAFE:
            _check_same_origin(request)
        return identity

    async def page(self, request: web.Request) -> web.Response:
        """The form to choose a person."""
        assert self._identities is not None
        _check_loopback(request)
        choices = "".join(
            _CHOICE.format(
                id=html.escape(each.id), name=html.escape(each.name), roles=html.escape(", ".join(each.roles))
            )
            for each in self._identities.by_id.values()
        )
        target = html.escape(_same_origin_target(request, request.query.get("post_login_redirect_uri")))
        return web.Response(
            text=_PAGE.format(choices=choices, target=target), content_type="text/html", headers=_HEADERS
        )

    async def login(self, request: web.Request) -> web.Response:
        """Set the cookie and go where the caller wanted to."""
        assert self._identities is not None
        _check_loopback(request)
        _check_same_origin(request)
        form = await request.post()
        identity_id, target = str(form.get("id", "")), str(form.get("post_login_redirect_uri", ""))
        if identity_id not in self._identities.by_id:
            raise web.HTTPBadRequest(text="Choose one of the listed people.")
        response = web.Response(status=303, headers={"Location": _same_origin_target(request, target)} | _HEADERS)
        response.set_cookie(COOKIE, self._identities.tokens[identity_id], httponly=True, samesite="Strict", path="/")
        return response

    async def logout(self, request: web.Request) -> web.Response:
        """Forget the cookie."""
        target = _same_origin_target(request, request.query.get("post_logout_redirect_uri"))
        response = web.Response(status=303, headers={"Location": target})
        response.del_cookie(COOKIE, path="/")
        return response

    async def me(self, request: web.Request) -> web.Response:
        """Who is signed in, in App Service's form; 401 when nobody is."""
        identity = self.identify(request)
        if identity is None:
            return web.Response(status=401)
        me = {"provider_name": "dev", "user_id": identity.id, "user_claims": identity.claim_list()}
        return web.Response(
            text=json.dumps([me]), content_type="application/json", headers={"Cache-Control": "no-store"}
        )


@lru_cache
def is_loopback(host: str | None) -> bool:
    """Whether a host name or address means this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def _check_loopback(request: web.Request) -> None:
    # The Host header too: a foreign name that resolves to loopback (DNS rebinding) must not sign in here.
    if not (is_loopback(request.remote) and is_loopback(request.url.host)):
        raise web.HTTPNotFound


def _check_same_origin(request: web.Request) -> None:
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    same = origin == str(request.url.origin()) if origin is not None else site == "same-origin"
    if not same:
        raise web.HTTPForbidden(text="The sign-in cookie counts for requests of this site's own pages only.")


def _same_origin_target(request: web.Request, target: str | None) -> str:
    """The path to go to; anything that would leave this site becomes ``/``."""
    parts = urlsplit((target or "/").replace("\\", "/"))
    if parts.netloc and f"{parts.scheme}://{parts.netloc}" != str(request.url.origin()):
        return "/"
    path = "/" + parts.path.lstrip("/")
    query = f"?{parts.query}" if parts.query else ""
    return "".join(char for char in path + query if char.isprintable())
