"""Who completed a user task: asked of Camunda's search API, because the job of the task's listener does not say it.

Source: ``POST /v2/user-tasks/search`` of the Camunda 8 REST API (alpha in 8.6), where it runs with a search store.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, Final, Protocol

import httpx

from adapters.camunda.sign_in import Tokens
from adapters.outage import Outage
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
    """``People`` of the search API at ``url`` (ends with ``/v2``). Searches are rare: each has its own connection."""

    def __init__(self, url: str, tokens: Tokens | None = None, trusted: ssl.SSLContext | None = None) -> None:
        """``trusted``: whose certificates; of the well-known authorities without it."""
        self._url = url.rstrip("/")
        self._tokens = tokens
        self._trusted = trusted or httpx.create_ssl_context(trust_env=False)
        self._outage = Outage("Camunda's search", "Decisions made in Tasklist are taken later.")

    async def completed(self, instance: int, element_instance: int) -> str | None:
        """See ``People.completed``."""
        try:
            found = [
                task.get("assignee")
                for task in await self._tasks(instance)
                if int(task["elementInstanceKey"]) == element_instance and task["state"] == "COMPLETED"
            ]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise self._outage.failed(Unavailable("camunda", f"the search for tasks failed ({_name(error)})")) from None
        self._outage.answered()
        return found[0] if found else None

    async def _tasks(self, instance: int) -> list[dict[str, Any]]:
        signed = {"Authorization": await asyncio.to_thread(self._tokens.bearer)} if self._tokens else {}
        wanted = {"filter": {"processInstanceKey": instance}}
        async with httpx.AsyncClient(verify=self._trusted, timeout=SECONDS, trust_env=False) as client:
            answer = await client.post(f"{self._url}/user-tasks/search", json=wanted, headers=signed)
        if answer.status_code == httpx.codes.UNAUTHORIZED and self._tokens:
            self._tokens.refused()
        return list(answer.raise_for_status().json()["items"])


def _name(error: Exception) -> str:
    return f"HTTP {error.response.status_code}" if isinstance(error, httpx.HTTPStatusError) else type(error).__name__
