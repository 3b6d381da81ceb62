"""The API as a submitter's system and a reviewer use it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import httpx

from samples.engine import Engine
from samples.outside import Outside


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
        self._outside: Outside | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        if self._outside:
            self._outside.close()

    @property
    def outside(self) -> Outside:
        """Other systems, on the servers of the engine."""
        if self._outside is None:
            self._outside = Outside(self._engine.servers)
        return self._outside

    def send(self, who: str, path: str, content: bytes) -> Answered:
        """POST a FHIR body."""
        headers = self._headers(who) | {"Content-Type": "application/fhir+json"}
        begin = time.monotonic()
        answer = self._http.post(path, content=content, headers=headers)
        return Answered(answer.status_code, answer.json(), answer.headers.get("x-case-id"), time.monotonic() - begin)

    def case(self, case: str, who: str = "operator-park") -> dict[str, Any]:
        """One case."""
        return self._get(who, f"/cases/{case}")

    def find(self, case: str, who: str = "operator-park") -> dict[str, Any] | None:
        """One case, if there is one."""
        answer = self._http.get(f"/cases/{case}", headers=self._headers(who))
        return None if answer.status_code == 404 else _read(answer)

    def count(self, tracking: str, who: str = "operator-park") -> int:
        """How many cases have that tracking number."""
        return len(self._get(who, f"/cases?tracking={tracking}")["items"])

    def parked(self, who: str = "operator-park") -> list[dict[str, Any]]:
        """Cases that wait for an operator."""
        return list(self._get(who, "/cases?state=parked")["items"])

    def resume(self, case: str, who: str = "operator-park") -> dict[str, Any]:
        """Let a parked case go on."""
        return _read(self._http.post(f"/cases/{case}/resume", headers=self._headers(who)))

    def letters(self, topic: str | None = None, reason: str | None = None) -> list[dict[str, Any]]:
        """Dead letters."""
        found, query = [], f"&topic={topic}" if topic else ""
        page = self._get("operator-park", f"/dead-letters?count=200{query}")
        found += page["items"]
        while page["next"]:
            page = self._get("operator-park", f"/dead-letters?count=200{query}&page={quote(page['next'], safe='')}")
            found += page["items"]
        return [each for each in found if reason in (None, each["reason"])]

    def deal(self, letter: str, verb: str) -> dict[str, Any]:
        """``redrive`` or ``discard`` a dead letter."""
        return _read(self._http.post(f"/dead-letters/{letter}/{verb}", headers=self._headers("operator-park")))

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
        while time.monotonic() < end:
            found = self.find(case)
            if found and found["state"] in states:
                return found
            time.sleep(0.05)
        return self.case(case)

    def _get(self, who: str, path: str) -> dict[str, Any]:
        return _read(self._http.get(path, headers=self._headers(who)))

    def _headers(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._engine.token(who)}", "x-functions-key": self._engine.key()}


def _read(answer: httpx.Response) -> dict[str, Any]:
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body
