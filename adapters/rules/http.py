"""The rules service over HTTP (docs/rules.md)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import httpx
from pydantic import ValidationError

from adapters.outage import Outage
from adapters.rules.base import Evaluation, FiredRule
from adapters.tracing import client_span
from domain.errors import Defect, NotFound, Unavailable, WorkflowError
from domain.json import Json

_LIMITS = httpx.Limits(max_connections=32, max_keepalive_connections=16, keepalive_expiry=60)


class HttpRules:
    """Client of the rules service; one object a process, so that connections are kept alive.

    Every method raises what ``adapters.rules.base.Rules`` says. No error quotes a fact.
    """

    def __init__(self, base_url: str, timeout: float = 5.0, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """``base_url``: for example ``http://127.0.0.1:8090``; ``timeout``: seconds for each phase of a call."""
        self._client = httpx.AsyncClient(
            base_url=base_url, timeout=httpx.Timeout(timeout), limits=_LIMITS, transport=transport, trust_env=False
        )
        self._outage = Outage("The rules service", "Cases wait and are tried again; requests are still taken in.")

    async def current(self) -> dict[str, str]:
        """The version of each ruleset that new cases take."""
        answer = await self._send("GET", "/v1/rulesets")
        return {ruleset["name"]: ruleset["current"] for ruleset in answer if ruleset["current"]}

    async def evaluate(self, ruleset: str, version: str, facts: Mapping[str, Json]) -> Evaluation:
        """Judge ``facts``: for DRL ``{fact type: object or list}``, for DMN ``{input name: value}``."""
        answer = await self._send("POST", f"/v1/rulesets/{ruleset}/versions/{version}/evaluate", {"facts": facts})
        try:
            return Evaluation(
                ruleset=answer["ruleset"],
                version=answer["version"],
                content_hash=answer["contentHash"],
                results=answer["results"],
                fired=tuple(FiredRule.model_validate(rule) for rule in answer["fired"]),
            )
        except (KeyError, TypeError, ValidationError):
            raise Defect("rules-answer", f"the answer of {ruleset} {version} has another shape") from None

    async def ready(self) -> None:
        """Return when all rulesets are loaded; raise ``Unavailable('rules')`` otherwise."""
        await self._send("GET", "/health/ready")

    async def aclose(self) -> None:
        """Close connections."""
        await self._client.aclose()

    async def _send(self, method: str, path: str, body: Mapping[str, Json] | None = None) -> Json:
        try:
            answer = await self._ask(method, path, body)
        except Unavailable as error:
            raise self._outage.failed(error) from None
        self._outage.answered()
        return answer

    async def _ask(self, method: str, path: str, body: Mapping[str, Json] | None) -> Json:
        try:
            with client_span("rules", path.removeprefix("/v1/")):
                response = await self._client.request(method, path, json=body)
            if response.is_success:
                return response.json()
        except httpx.TransportError as error:
            raise Unavailable("rules", f"the rules service does not answer ({type(error).__name__})") from None
        except ValueError:
            raise Unavailable("rules", "the rules service answers without JSON") from None
        raise _refusal(response, path)


def _refusal(response: httpx.Response, path: str) -> WorkflowError:
    status = response.status_code
    if status == HTTPStatus.NOT_FOUND:
        return NotFound("ruleset", f"the rules service has nothing at {path}; deploy that version")
    if response.is_server_error or status == HTTPStatus.TOO_MANY_REQUESTS:
        return Unavailable("rules", f"the rules service answers {status}")
    return Defect("rules-refused", f"{path} answers {status}: {_places(response)}")


def _places(response: httpx.Response) -> str:
    """The problems as the service words them: places, types and known names, never values."""
    try:
        return "; ".join(f"{error.get('place', '')} {error['text']}".strip() for error in response.json()["errors"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "without a reason"
