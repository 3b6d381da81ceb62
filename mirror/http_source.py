"""The engine over its own HTTP doors (``triggers/processes.py``, ``triggers/tasks.py``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from adapters.outage import Outage
from domain.errors import Defect, Unavailable
from domain.operation_outcome import ERROR
from mirror.source import Answer, History, Standing

BEHALF: Final = "x-workflow-on-behalf-of"
MARK: Final = "x-workflow-mark"
GONE: Final = "instance"
"""Code of a refusal: there is no instance of this id."""
_LATER: Final = frozenset({401, 408, 429})
"""Answers, beside 5xx, after which the same is asked again: a token may have just ended."""
D = TypeVar("D", bound=BaseModel)


class HttpSource:
    """``Source`` of the engine at ``url``. ``token`` gives the access token of the mirror, for each request."""

    def __init__(
        self,
        url: str,
        token: Callable[[], str],
        timeout: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        base = url.rstrip("/")
        self._http = httpx.AsyncClient(base_url=base, timeout=timeout, trust_env=False, transport=transport)
        self._token = token
        self._outage = Outage("The engine", "What Camunda shows catches up later.")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def instances(self, ended_since: datetime | None) -> Sequence[Standing]:
        """See ``Source.instances``."""
        query = {"ended-since": ended_since.isoformat()} if ended_since else {}
        answer = await self._ask("GET", "/processes/instances", params=query)
        return self._read(answer, _Standings).items

    async def history(self, case: str) -> History | None:
        """See ``Source.history``."""
        answer = await self._ask("GET", f"/processes/instances/{quote(case, safe='')}")
        if answer.status_code == 404 and _code(answer) == GONE:
            return None
        return self._read(answer, History)

    async def decide(self, task: str, person: str, mark: str, body: dict[str, Any]) -> Answer:
        """See ``Source.decide``."""
        answer = await self._ask(
            "POST", f"/tasks/{quote(task, safe='')}/decision", json=body, headers={BEHALF: quote(person), MARK: mark}
        )
        return Answer(True) if answer.is_success else Answer(False, _code(answer))

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        try:
            signed = {"Authorization": f"Bearer {self._token()}", **(headers or {})}
            answer = await self._http.request(method, path, headers=signed, **more)
        except httpx.HTTPError as error:
            raise self._outage.failed(Unavailable("engine", type(error).__name__)) from None
        except (OSError, ValueError):
            raise self._outage.failed(Unavailable("engine", "its access token cannot be read")) from None
        if answer.status_code >= 500 or answer.status_code in _LATER or not (answer.is_success or _type(answer)):
            raise self._outage.failed(Unavailable("engine", f"HTTP {answer.status_code}"))
        self._outage.answered()
        return answer

    def _read(self, answer: httpx.Response, kind: type[D]) -> D:
        if not answer.is_success:
            raise Defect(f"engine-{answer.status_code}", _code(answer))
        try:
            return kind.model_validate_json(answer.content)
        except ValidationError as error:  # its text would quote what was answered
            place = ".".join(map(str, error.errors()[0]["loc"]))
            raise Defect("engine-answer", f"{kind.__name__.strip('_')}: {place} is not what the mirror takes") from None


class _Standings(BaseModel):
    items: tuple[Standing, ...]


def _code(answer: httpx.Response) -> str:
    return _type(answer).removeprefix(f"{ERROR}:")


def _type(answer: httpx.Response) -> str:
    """What the engine's problem+json says that it is. Empty where somebody else answers: a host that has not loaded the
    engine yet, or what stands before it. Such a 404, taken for the engine's word, would end a case in Camunda."""
    try:
        said = str(answer.json()["type"])
    except (ValueError, KeyError, TypeError):
        return ""
    return said if said.startswith(f"{ERROR}:") else ""
