"""A schema registry with Confluent's API, which Confluent Cloud and Apicurio both serve.

Plain HTTP: four requests are needed, and the client of confluent-kafka would bring four more packages.
https://docs.confluent.io/platform/current/schema-registry/develop/api.html
"""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote

import httpx

from events.compatibility import Schema
from events.errors import EventsError

COMPATIBILITY: Final = "BACKWARD"
_SECONDS: Final = 15.0
_TYPE: Final = "application/vnd.schemaregistry.v1+json"


class Registry:
    """Subjects with their versions. Raises ``EventsError`` when it is away, or when we may not do what is asked."""

    def __init__(self, url: str, auth: str = "") -> None:
        """``auth``: ``key:secret``, if it asks who we are."""
        key, _, secret = auth.partition(":")
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            auth=(key, secret) if auth else None,
            headers={"Content-Type": _TYPE, "Accept": _TYPE},
            timeout=_SECONDS,
            trust_env=not self.url.startswith("http://127.0.0.1:"),  # no proxy stands before this machine
        )

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def compatibility(self, subject: str) -> str | None:
        """The level that was set for ``subject`` itself, if one was."""
        answer = self._ask("GET", f"/config/{quote(subject)}")
        return None if answer is None else answer["compatibilityLevel"]

    def require(self, subject: str, level: str = COMPATIBILITY) -> None:
        """Set the level of ``subject``."""
        self._ask("PUT", f"/config/{quote(subject)}", {"compatibility": level})

    def latest(self, subject: str) -> Schema | None:
        """The newest schema of ``subject``."""
        answer = self._ask("GET", f"/subjects/{quote(subject)}/versions/latest")
        return None if answer is None else json.loads(answer["schema"])

    def register(self, subject: str, schema: Schema) -> None:
        """Add a version. Raises ``EventsError`` with the registry's reasons when it breaks the last one."""
        self._ask("POST", f"/subjects/{quote(subject)}/versions", _body(schema))

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        try:
            answer = self._http.request(method, self.url + path, json=body)
        except httpx.TransportError as error:
            raise EventsError(
                f"No schema registry answers at {self.url} ({type(error).__name__}): start it, correct "
                "WORKFLOW_REGISTRY_URL or --registry, or leave it out with --registry none."
            ) from None
        if method == "GET" and answer.status_code == 404 and b"error_code" in answer.content:
            return None
        if answer.status_code in (401, 403):
            raise EventsError(
                f"The registry at {self.url} answered {answer.status_code}: check WORKFLOW_REGISTRY_AUTH."
            )
        if answer.is_error:
            raise EventsError(
                f"The registry at {self.url} answered {answer.status_code} to {method} {path}: {_why(answer)}"
            )
        return answer.json()


def _body(schema: Schema) -> dict[str, str]:
    return {"schemaType": "JSON", "schema": json.dumps(schema)}


def _why(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
