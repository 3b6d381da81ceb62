"""What came of an invocation, in terms that host and worker library share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookies import Morsel, SimpleCookie
from typing import Any, NamedTuple

from host.call import Answer, HttpResponse, Outcome


class Cookie(NamedTuple):
    """One ``Set-Cookie``."""

    name: str
    value: str
    domain: str
    path: str
    expires: int | None
    """Seconds since 1970."""
    max_age: float | None
    """Seconds."""
    secure: bool
    http_only: bool
    same_site: str


class Http(NamedTuple):
    """An HTTP answer. ``headers``: by lower-case name, without cookies."""

    status: int
    headers: dict[str, str]
    cookies: list[Cookie]
    body: bytes


@dataclass(frozen=True)
class Answered:
    """``error``: ``Type: text``; with one, there is no answer."""

    answer: str | Http | None
    outputs: Mapping[str, str | bytes]
    error: str | None = None


def answered(outcome: Outcome) -> Answered:
    """What the host made of an invocation."""
    return Answered(_answer(outcome.answer), outcome.outputs)


def _answer(answer: Answer) -> str | Http:
    if isinstance(answer, str):
        return answer
    headers = {name.lower(): value for name, value in answer.headers if name.lower() != "set-cookie"}
    return Http(answer.status, headers, _cookies(answer), answer.body)


def _cookies(answer: HttpResponse) -> list[Cookie]:
    texts = [value for name, value in answer.headers if name.lower() == "set-cookie"]
    return [_cookie(each) for text in texts for each in SimpleCookie(text).values()]


def _cookie(cookie: Morsel[Any]) -> Cookie:
    return Cookie(
        cookie.key,
        cookie.value,
        cookie["domain"],
        cookie["path"],
        int(_instant(cookie["expires"]).timestamp()) if cookie["expires"] else None,
        float(cookie["max-age"]) if cookie["max-age"] else None,
        bool(cookie["secure"]),
        bool(cookie["httponly"]),
        cookie["samesite"],
    )


def _instant(text: str) -> datetime:
    return parsedate_to_datetime(text).astimezone(UTC)
