"""The engine over its own HTTP doors (``triggers/processes.py``, ``triggers/tasks.py``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import httpx

from adapters.outage import Outage
from domain.errors import Defect, Unavailable
from mirror.source import Answer, History, Standing

BEHALF: Final = "x-workflow-on-behalf-of"
MARK: Final = "x-workflow-mark"
_LATER: Final = frozenset({401, 408, 429})
"""Answers, beside 5xx, after which the same is asked again: a token may have just ended."""


class HttpSource:
    """``Source`` of the engine at ``url``. ``token`` gives the access token of the mirror, for each request."""

    def __init__(self, url: str, token: Callable[[], str], timeout: float = 30.0) -> None:
        self._http = httpx.AsyncClient(base_url=url.rstrip("/"), timeout=timeout, trust_env=False)
        self._token = token
        self._outage = Outage("The engine", "What Camunda shows catches up later.")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def instances(self, ended_since: datetime | None) -> Sequence[Standing]:
        """See ``Source.instances``."""
        query = {"ended-since": ended_since.isoformat()} if ended_since else {}
        answer = await self._ask("GET", "/processes/instances", params=query)
        return [Standing.model_validate(each) for each in self._good(answer).json()["items"]]

    async def history(self, case: str) -> History | None:
        """See ``Source.history``."""
        answer = await self._ask("GET", f"/processes/instances/{case}")
        return None if answer.status_code == 404 else History.model_validate(self._good(answer).json())

    async def decide(self, task: str, person: str, mark: str, body: dict[str, Any]) -> Answer:
        """See ``Source.decide``."""
        answer = await self._ask(
            "POST", f"/tasks/{task}/decision", json=body, headers={BEHALF: quote(person), MARK: mark}
        )
        return Answer(True) if answer.is_success else Answer(False, _code(answer))

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        signed = {"Authorization": f"Bearer {self._token()}", **(headers or {})}
        try:
            answer = await self._http.request(method, path, headers=signed, **more)
        except httpx.TransportError as error:
            raise self._outage.failed(Unavailable("engine", type(error).__name__)) from None
        if answer.status_code >= 500 or answer.status_code in _LATER:
            raise self._outage.failed(Unavailable("engine", f"HTTP {answer.status_code}"))
        self._outage.answered()
        return answer

    def _good(self, answer: httpx.Response) -> httpx.Response:
        if not answer.is_success:
            raise Defect(f"engine-{answer.status_code}", _code(answer))
        return answer


def _code(answer: httpx.Response) -> str:
    """The code of a problem+json document."""
    try:
        return str(answer.json()["type"]).rpartition(":")[2]
    except (ValueError, KeyError, TypeError):
        return f"http-{answer.status_code}"
