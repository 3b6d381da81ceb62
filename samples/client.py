"""The API as a submitter's system and a reviewer use it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Self

import httpx

from samples.engine import Engine


@dataclass(frozen=True)
class Answered:
    """An answer, with how long it took."""

    status: int
    body: dict[str, Any]
    case: str | None
    seconds: float


class Client:
    """Calls the API of ``engine``, each time as one of the sample identities."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._http = httpx.Client(base_url=engine.url, timeout=60, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def send(self, who: str, path: str, content: bytes) -> Answered:
        """POST a FHIR body."""
        headers = self._headers(who) | {"Content-Type": "application/fhir+json"}
        begin = time.monotonic()
        answer = self._http.post(path, content=content, headers=headers)
        return Answered(answer.status_code, answer.json(), answer.headers.get("x-case-id"), time.monotonic() - begin)

    def case(self, case: str, who: str = "operator-park") -> dict[str, Any]:
        """One case."""
        return self._get(who, f"/cases/{case}")

    def parked(self, who: str = "operator-park") -> list[dict[str, Any]]:
        """Cases that wait for an operator."""
        return list(self._get(who, "/cases?state=parked")["items"])

    def resume(self, case: str, who: str = "operator-park") -> dict[str, Any]:
        """Let a parked case go on."""
        answer = self._http.post(f"/cases/{case}/resume", headers=self._headers(who))
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body

    def open_task(self, who: str, case: str) -> dict[str, Any] | None:
        """The review of ``case`` that waits for a person."""
        page = self._get(who, "/tasks?count=200")
        while True:
            for task in page["items"]:
                if task["case"] == case:
                    return dict(task)
            if page["next"] is None:
                return None
            page = self._get(who, f"/tasks?count=200&page={page['next']}")

    def decide(self, who: str, task: str, decision: dict[str, Any]) -> None:
        """Claim and decide a review."""
        for verb, body in (("claim", None), ("decision", decision)):
            answer = self._http.post(f"/tasks/{task}/{verb}", json=body, headers=self._headers(who))
            answer.raise_for_status()

    def wait(self, case: str, states: set[str], seconds: float = 30.0) -> dict[str, Any]:
        """The case once it is in one of ``states``, or as it is after ``seconds``."""
        end = time.monotonic() + seconds
        while (found := self.case(case))["state"] not in states and time.monotonic() < end:
            time.sleep(0.05)
        return found

    def _get(self, who: str, path: str) -> dict[str, Any]:
        answer = self._http.get(path, headers=self._headers(who))
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body

    def _headers(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._engine.token(who)}", "x-functions-key": self._engine.key()}
