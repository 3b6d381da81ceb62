"""OAuth 2 client credentials, over TLS of a private authority: one token for both APIs, as long as it lives."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from adapters.camunda.base import Message
from adapters.camunda.grpc import GrpcCamunda
from adapters.camunda.sign_in import AGAIN, Client, Tokens
from domain.errors import Unavailable
from mirror import connect
from mirror.settings import MirrorSettings
from tests.adapters.camunda.authority import Authority, authority
from tests.adapters.camunda.doors import Asked, Gateway, Issuer, Site, listening, site
from tests.adapters.camunda.side import PATIENCE
from tests.ports import free_port

SECRET = "s3cret-7f1c"
MESSAGE = Message("decided", "task-1", "id-1")


class Clock:
    """Seconds, as a test lets them pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(SECRET)


@pytest.fixture
def identity(ours: Authority, issuer: Issuer) -> Iterator[Site]:
    """A token endpoint."""
    with site(lambda asked: issuer(asked), ours) as started:
        yield started


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(identity: Site) -> Client:
    return Client("mirror", SECRET, f"{identity.url}/token", "zeebe")


@pytest.fixture
def tokens(client: Client, ours: Authority, clock: Clock) -> Tokens:
    return Tokens(client, ssl.create_default_context(cafile=ours.certificate), clock)


# -- tokens ------------------------------------------------------------------------------------------------------------


def test_the_client_is_told_in_the_body(tokens: Tokens, identity: Site) -> None:
    assert tokens.bearer() == "Bearer token-1"
    (asked,) = identity.asked
    client = {"client_id": "mirror", "client_secret": SECRET, "audience": "zeebe"}
    assert (asked.path, asked.form) == ("/token", {"grant_type": "client_credentials", **client})


def test_a_secret_is_not_shown(client: Client) -> None:
    assert SECRET not in repr(client)


@pytest.mark.parametrize(("life", "kept"), [(300, 270), (40, 20), ("300", 270), (None, 30)])
def test_a_token_is_kept_until_shortly_before_its_end(
    life: Any, kept: float, tokens: Tokens, issuer: Issuer, clock: Clock
) -> None:
    issuer.life = life
    assert tokens.bearer() == "Bearer token-1"
    clock.now += kept - 1
    assert tokens.bearer() == "Bearer token-1"
    clock.now += 1
    assert tokens.bearer() == "Bearer token-2"


def test_threads_share_a_token(tokens: Tokens, issuer: Issuer) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: tokens.bearer(), range(40))) == {"Bearer token-1"}
    assert issuer.issued == 1


def test_a_wrong_secret_is_told_once_and_not_tried_with_each_call(
    tokens: Tokens, identity: Site, issuer: Issuer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.secret = "another"
    for _ in range(5):
        with pytest.raises(Unavailable, match=r"HTTP 401 \(invalid_client\)") as caught:
            tokens.bearer()
        assert caught.value.code == "camunda"
        assert SECRET not in str(caught.value)
    assert len(identity.asked) == 1
    (line,) = caplog.messages
    assert "401 (invalid_client)" in line
    assert SECRET not in caplog.text
    issuer.secret = SECRET
    clock.now += AGAIN
    assert tokens.bearer() == "Bearer token-1"


@pytest.mark.parametrize(
    "said",
    [
        (503, "<html>"),
        (400, {"error": f"what is {SECRET}"}),
        (400, [SECRET]),
        (200, "<html>"),
        (200, {"expires_in": 5}),
        (200, {"access_token": "t", "expires_in": "soon"}),
        (200, ["token"]),
        (302, {}),
    ],
)
def test_what_is_no_token_is_unavailable(
    said: tuple[int, Any], ours: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    with site(lambda _: said, ours) as identity:
        tokens = Tokens(Client("m", SECRET, identity.url, "z"), ssl.create_default_context(cafile=ours.certificate))
        with pytest.raises(Unavailable, match="the token endpoint"):
            tokens.bearer()
    assert SECRET not in caplog.text


def test_nobody_there_is_unavailable() -> None:
    tokens = Tokens(Client("m", SECRET, f"http://127.0.0.1:{free_port()}", "z"))
    with pytest.raises(Unavailable, match="did not answer"):
        tokens.bearer()


def test_an_endpoint_of_an_unknown_authority_is_not_told_the_secret(client: Client, identity: Site) -> None:
    with pytest.raises(Unavailable, match="did not answer"):
        Tokens(client).bearer()
    assert identity.asked == []


def test_a_token_that_is_refused_is_replaced_but_not_at_once(tokens: Tokens, clock: Clock) -> None:
    tokens.bearer()
    tokens.refused()
    assert tokens.bearer() == "Bearer token-1"
    clock.now += AGAIN
    tokens.refused()
    assert tokens.bearer() == "Bearer token-2"


# -- both APIs ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def gateway() -> Gateway:
    return Gateway()  # type: ignore[abstract]  # the other calls answer that they are not implemented


@pytest.fixture
async def address(gateway: Gateway, ours: Authority) -> AsyncIterator[str]:
    async with listening(gateway, ours) as address:
        yield address


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, address: str, identity: Site, ours: Authority) -> pytest.MonkeyPatch:
    """Settings for all of it."""
    settings = {
        "GRPC": address,
        "CLIENT_ID": "mirror",
        "CLIENT_SECRET": SECRET,
        "TOKEN_URL": f"{identity.url}/token",
        "AUDIENCE": "zeebe",
        "CA": str(ours.certificate),
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"WORKFLOW_CAMUNDA_{name}", value)
    return monkeypatch


@pytest.fixture
async def camunda(given: pytest.MonkeyPatch) -> AsyncIterator[GrpcCamunda]:
    made = connect.camunda(MirrorSettings())
    yield made
    await made.aclose()


async def test_each_call_of_the_channel_is_signed(camunda: GrpcCamunda, gateway: Gateway, identity: Site) -> None:
    for _ in range(3):
        assert await camunda.publish(MESSAGE)
    assert gateway.signed == [("PublishMessage", "Bearer token-1")] * 3
    assert identity.asked[0].form["audience"] == "zeebe"


async def test_both_ways_to_jobs_are_signed(camunda: GrpcCamunda, gateway: Gateway) -> None:
    gateway.looks, gateway.streams = [7], [8]
    keys = set()
    async with asyncio.timeout(PATIENCE), contextlib.aclosing(camunda.jobs(["kind"], [], 60.0)) as jobs:
        async for job in jobs:
            keys.add(job.key)
            if len(keys) == 2:
                break
    assert set(gateway.signed) == {("ActivateJobs", "Bearer token-1"), ("StreamActivatedJobs", "Bearer token-1")}


async def test_the_channel_renews_a_token_that_has_ended(
    camunda: GrpcCamunda, gateway: Gateway, issuer: Issuer
) -> None:
    issuer.life = 0.001
    for _ in range(3):
        assert await camunda.publish(MESSAGE)
    assert [signed for _, signed in gateway.signed] == ["Bearer token-1", "Bearer token-2", "Bearer token-3"]


async def test_a_token_that_the_gateway_refuses_is_replaced(
    camunda: GrpcCamunda, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.camunda.sign_in.AGAIN", 0.0)
    gateway.unknown = {"token-1"}
    with pytest.raises(Unavailable, match="UNAUTHENTICATED"):
        await camunda.publish(MESSAGE)
    assert await camunda.publish(MESSAGE)
    assert gateway.signed[-1] == ("PublishMessage", "Bearer token-2")


async def test_with_a_wrong_secret_the_mirror_waits_until_it_is_right(
    camunda: GrpcCamunda,
    gateway: Gateway,
    issuer: Issuer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("adapters.camunda.sign_in.AGAIN", 0.2)
    monkeypatch.setattr("adapters.camunda.grpc.POLL", 0.05)
    issuer.secret = "another"
    for _ in range(4):
        with pytest.raises(Unavailable) as caught:
            await camunda.publish(MESSAGE)
        assert caught.value.code == "camunda"
    assert gateway.signed == []
    about_sign_in = [line for line in caplog.messages if "sign-in" in line]
    assert (len(about_sign_in), len(caplog.messages)) == (1, 2)
    gateway.looks = [7]
    jobs = camunda.jobs(["kind"], [], 60.0)
    first = asyncio.ensure_future(anext(jobs))
    issuer.secret = SECRET
    async with asyncio.timeout(PATIENCE):
        assert (await first).kind == "kind"
    await jobs.aclose()
    assert len([line for line in caplog.messages if "unavailable" in line]) == 2
    assert SECRET not in caplog.text


async def test_a_gateway_of_an_unknown_authority_is_told_nothing(
    given: pytest.MonkeyPatch, gateway: Gateway, tmp_path: Path
) -> None:
    given.setenv("WORKFLOW_CAMUNDA_CA", str(authority(tmp_path).certificate))
    camunda = connect.camunda(MirrorSettings())
    with pytest.raises(Unavailable):
        await camunda.publish(MESSAGE)
    await camunda.aclose()
    assert gateway.signed == []


async def test_without_a_client_the_authority_alone_means_tls(given: pytest.MonkeyPatch, gateway: Gateway) -> None:
    given.setenv("WORKFLOW_CAMUNDA_CLIENT_ID", "")
    camunda = connect.camunda(MirrorSettings())
    assert await camunda.publish(MESSAGE)
    await camunda.aclose()
    assert gateway.signed == [("PublishMessage", "")]


async def test_searches_are_signed_alike(
    given: pytest.MonkeyPatch, ours: Authority, identity: Site, issuer: Issuer
) -> None:
    with site(lambda _: (200, {"items": []}), ours) as search:
        given.setenv("WORKFLOW_CAMUNDA_REST", f"{search.url}/v2")
        people = connect.people(MirrorSettings())
        for _ in range(2):
            assert await people.completed(1, 2) is None
        assert [asked.authorization for asked in search.asked] == ["Bearer token-1"] * 2
        issuer.life = 0.001
        people = connect.people(MirrorSettings())
        for _ in range(2):
            await people.completed(1, 2)
        assert [asked.authorization for asked in search.asked[2:]] == ["Bearer token-2", "Bearer token-3"]


async def test_a_search_that_cannot_sign_in_is_unavailable(
    given: pytest.MonkeyPatch, ours: Authority, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.secret = "another"
    with site(lambda _: (200, {"items": []}), ours) as search:
        given.setenv("WORKFLOW_CAMUNDA_REST", f"{search.url}/v2")
        people = connect.people(MirrorSettings())
        for _ in range(3):
            with pytest.raises(Unavailable):
                await people.completed(1, 2)
        assert search.asked == []
    (line,) = caplog.messages
    assert "401" in line
    assert SECRET not in caplog.text


async def test_a_token_that_a_search_refuses_is_replaced(
    given: pytest.MonkeyPatch, ours: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.camunda.sign_in.AGAIN", 0.0)

    def answers(asked: Asked) -> tuple[int, Any]:
        return (401, {}) if asked.authorization == "Bearer token-1" else (200, {"items": []})

    with site(answers, ours) as search:
        given.setenv("WORKFLOW_CAMUNDA_REST", f"{search.url}/v2")
        people = connect.people(MirrorSettings())
        with pytest.raises(Unavailable, match="HTTP 401"):
            await people.completed(1, 2)
        assert await people.completed(1, 2) is None
