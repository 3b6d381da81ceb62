"""Who completed a user task: asked of Camunda's search API, because the job of the task's listener does not say it.

Source: ``POST /v2/user-tasks/search`` of the Camunda 8 REST API (alpha in 8.6), where it runs with a search store.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Protocol

import requests
from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error
from requests_oauthlib import OAuth2Session

from domain.errors import Unavailable

SECONDS: Final = 10.0


class People(Protocol):
    """Persons who work in Camunda."""

    async def completed(self, instance: int, element_instance: int) -> str | None:
        """The user name of who completed the task, or ``None`` while that is not known. Raises
        ``Unavailable('camunda')``."""


class Nobody:
    """An engine without a search store: nobody can sign in there, so nobody is known."""

    async def completed(self, instance: int, element_instance: int) -> str | None:
        """Always ``None``."""
        del instance, element_instance
        return None


class SearchedPeople:
    """``People`` of the search API at ``url`` (ends with ``/v2``)."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url = url.rstrip("/")
        self._session = session

    async def completed(self, instance: int, element_instance: int) -> str | None:
        """See ``People.completed``."""
        for task in await asyncio.to_thread(self._tasks, instance):
            if int(task["elementInstanceKey"]) == element_instance and task.get("state") == "COMPLETED":
                return task.get("assignee")
        return None

    def _tasks(self, instance: int) -> list[dict[str, Any]]:
        wanted = {"filter": {"processInstanceKey": instance}}
        try:
            answer = self._session.post(f"{self._url}/user-tasks/search", json=wanted, timeout=SECONDS)
            answer.raise_for_status()
            return list(answer.json()["items"])
        except (requests.RequestException, OAuth2Error, ValueError, KeyError) as error:
            raise Unavailable("camunda", f"the search for tasks failed ({type(error).__name__})") from None


def signed_in(client_id: str, secret: str, token_url: str, audience: str) -> requests.Session:
    """A session that signs in with OAuth 2 client credentials and renews its token by itself."""
    return _Renewing(client_id, secret, token_url, audience)


class _Renewing(requests.Session):
    """Fetches a token for each request that finds none or an old one (searches are rare)."""

    def __init__(self, client_id: str, secret: str, token_url: str, audience: str) -> None:
        super().__init__()
        self._oauth = OAuth2Session(client=BackendApplicationClient(client_id=client_id))
        self._secret, self._token_url, self._audience = secret, token_url, audience

    def request(self, method: str | bytes, url: str | bytes, **options: Any) -> requests.Response:  # type: ignore[override]
        """As ``requests.Session.request``, signed in."""
        token = self._oauth.fetch_token(
            token_url=self._token_url,
            client_secret=self._secret,
            audience=self._audience,
            include_client_id=True,
            timeout=SECONDS,
        )
        headers = {**(options.pop("headers", None) or {}), "Authorization": f"Bearer {token['access_token']}"}
        return super().request(method, url, headers=headers, **options)
