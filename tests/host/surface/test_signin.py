"""The development identity."""

from __future__ import annotations

import base64
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from host.app import AppIndex
from host.identity import NAME, ROLE, Identities, Identity, read_identities
from host.settings import StartupError
from host.testing_http import HttpHost, http_host

WHOAMI = "/api/whoami"
LOGIN = "/.auth/login/dev"


def principal(headers: dict[str, str]) -> dict[str, Any]:
    return dict(json.loads(base64.b64decode(headers["x-ms-client-principal"])))


async def sign_in(host: HttpHost, who: str = "ann", target: str = "/") -> None:
    form = {"id": who, "post_login_redirect_uri": target}
    headers = {"Origin": host.server.origin}
    async with host.client.post(LOGIN, data=form, headers=headers, allow_redirects=False) as response:
        assert response.status == 303
        assert response.headers["Location"] == target


async def test_principal_from_outside_is_always_stripped(host: HttpHost, app: AppIndex) -> None:
    forged = {
        "X-MS-CLIENT-PRINCIPAL": "forged",
        "x-ms-client-principal-id": "forged",
        "X-Ms-Client-Principal-Name": "f",
    }
    async with host.client.get(WHOAMI, headers=forged) as response:
        assert await response.json(content_type=None) == {}
    async with http_host(app) as bare, bare.client.get(WHOAMI, headers=forged) as response:
        assert await response.json(content_type=None) == {}


async def test_bearer_token_becomes_a_principal(host: HttpHost) -> None:
    headers = {"Authorization": "Bearer ann", "x-ms-client-principal-id": "forged"}
    async with host.client.get(WHOAMI, headers=headers) as response:
        seen = await response.json(content_type=None)
    assert seen["x-ms-client-principal-id"] == "ann"
    assert seen["x-ms-client-principal-name"] == "?nn Reviewer"
    found = principal(seen)
    assert (found["auth_typ"], found["name_typ"], found["role_typ"]) == ("dev", NAME, ROLE)
    claims = [(claim["typ"], claim["val"]) for claim in found["claims"]]
    assert (NAME, "Änn Reviewer") in claims
    assert (ROLE, "reviewer") in claims
    assert [value for kind, value in claims if kind == "org"] == ["o1", "o2"]


async def test_unknown_bearer_token(host: HttpHost) -> None:
    async with host.client.get(WHOAMI, headers={"Authorization": "Bearer nobody"}) as response:
        assert response.status == 401
        assert "invalid_token" in response.headers["WWW-Authenticate"]


async def test_bearer_tokens_are_the_apps_affair_without_identities(app: AppIndex) -> None:
    async with http_host(app) as host:
        async with host.client.get(WHOAMI, headers={"Authorization": "Bearer own"}) as response:
            assert response.status == 200
        async with host.client.get(LOGIN) as response:
            assert response.status == 404


async def test_sign_in_page_is_a_plain_form(host: HttpHost) -> None:
    async with host.client.get(LOGIN, params={"post_login_redirect_uri": "/review?a=1"}) as response:
        page = await response.text()
        assert "frame" in response.headers["Content-Security-Policy"] or response.headers["X-Frame-Options"] == "DENY"
    assert '<html lang="en">' in page
    assert page.count('type="radio"') == 2
    assert "Änn Reviewer" in page
    assert 'value="/review?a=1"' in page
    assert "<script" not in page


async def test_sign_in_sets_a_strict_cookie_that_works(host: HttpHost) -> None:
    form = {"id": "bob", "post_login_redirect_uri": "/review"}
    headers = {"Origin": host.server.origin}
    async with host.client.post(LOGIN, data=form, headers=headers, allow_redirects=False) as response:
        cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    async with host.client.get("/.auth/me") as response:
        (me,) = await response.json()
    assert me["user_id"] == "bob"
    assert {"typ": ROLE, "val": "operator"} in me["user_claims"]
    async with host.client.get(WHOAMI) as response:
        assert (await response.json(content_type=None))["x-ms-client-principal-id"] == "bob"
    async with host.client.get("/.auth/logout", allow_redirects=False) as response:
        assert response.status == 303
    async with host.client.get("/.auth/me") as response:
        assert response.status == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "{origin}"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, 403),
    ],
)
async def test_cookie_alone_changes_nothing_from_another_site(
    host: HttpHost, headers: dict[str, str], status: int
) -> None:
    await sign_in(host)
    sent = {name: value.format(origin=host.server.origin) for name, value in headers.items()}
    async with host.client.post("/api/echo/1", headers=sent) as response:
        assert response.status == status
    async with host.client.get("/api/echo/1", headers=sent) as response:
        assert response.status == 200


async def test_bearer_token_needs_no_origin(host: HttpHost) -> None:
    async with host.client.post("/api/echo/1", headers={"Authorization": "Bearer bob"}) as response:
        assert response.status == 200


async def test_sign_in_itself_is_same_origin_only(host: HttpHost) -> None:
    async with host.client.post(LOGIN, data={"id": "ann"}, headers={"Origin": "https://evil.example"}) as response:
        assert response.status == 403
    async with host.client.post(LOGIN, data={"id": "no"}, headers={"Origin": host.server.origin}) as response:
        assert response.status == 400


async def test_foreign_host_names_get_no_sign_in(host: HttpHost) -> None:
    async with host.client.get(LOGIN, headers={"Host": "rebound.example"}) as response:
        assert response.status == 404


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/review?x=1", "/review?x=1"),
        ("//evil.example/a", "/"),
        ("https://evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/alert(1)"),
        ("", "/"),
    ],
)
async def test_redirects_stay_here(host: HttpHost, target: str, expected: str) -> None:
    form = {"id": "ann", "post_login_redirect_uri": target}
    headers = {"Origin": host.server.origin}
    async with host.client.post(LOGIN, data=form, headers=headers, allow_redirects=False) as response:
        assert response.headers["Location"] == expected


def test_tokens_are_kept_and_follow_the_list(tmp_path: Path) -> None:
    path = tmp_path / "identities.json"
    ann, bob = Identity(id="ann", name="Ann"), Identity(id="bob", name="Bob")
    first = Identities.open([ann], path)
    second = Identities.open([ann, bob], path)
    assert second.tokens["ann"] == first.tokens["ann"]
    assert re.fullmatch(r"[\w-]{43}", second.tokens["bob"])
    assert json.loads(path.read_text()) == second.tokens
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert second.of_token(second.tokens["bob"]) == bob
    third = Identities.open([bob], path)
    assert third.of_token(first.tokens["ann"]) is None
    assert third.of_token("") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ('[{"id": "a"}]', "entry 0.name"),
        ('[{"id": "a", "name": "A", "role": "x"}]', "entry 0.role"),
        ('[{"id": "a", "name": "A"}, {"id": "a", "name": "B"}]', "appears twice"),
    ],
)
def test_malformed_lists_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "people.json"
    path.write_text(content)
    with pytest.raises(StartupError, match=message):
        read_identities(path)


def test_missing_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="cannot be read"):
        read_identities(tmp_path / "none.json")
