"""The app on a host that tests kill, its submitter, and the requests that it is sent."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from samples.client import Answered, Client
from samples.engine import SAMPLES, Engine
from samples.hook import HookReceiver
from tests.support.samples import request
from tests.support.world import case_of

SUBMITTER = "fault-ehr"
ORGANIZATION = "fault-clinic"
NURSE = "nurse-rivera"
OPERATOR = "operator-park"
AUTOMATIC = "approved-at-once"
REVIEWED = "pended-then-approved"
ASKED = "information-requested"


@dataclass(frozen=True)
class Clinic:
    """A submitter of these tests alone: its endpoint is there while others' come and go."""

    identities: Path
    hook: HookReceiver


@dataclass
class Plant(Engine):
    """An engine that can be watched and killed."""

    def post(self, who: str, path: str, body: object = None) -> httpx.Response | None:
        """One request of the API; ``None`` when no answer comes."""
        headers = {"Authorization": f"Bearer {self.token(who)}", "x-functions-key": self.key()}
        try:
            return httpx.post(self.url + path, json=body, headers=headers, timeout=60, trust_env=False)
        except httpx.TransportError:
            return None

    def get(self, who: str, path: str) -> dict[str, Any]:
        """What the API answers."""
        headers = {"Authorization": f"Bearer {self.token(who)}"}
        answer = httpx.get(self.url + path, headers=headers, timeout=60, trust_env=False)
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body

    def revive(self) -> bool:
        """Start the app if it is dead, without crash points. Says whether it was."""
        if self.app.poll() is None:
            return False
        self.environment.pop("HOST_CRASH_AT", None)
        self.start_app()
        return True

    def until(self, what: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait until ``what`` holds; the app is started again whenever it is dead."""
        end = time.monotonic() + seconds
        while not self._holds(what):
            assert time.monotonic() < end, f"not so after {seconds:.0f} s; see {self.log}"
            self.revive()
            time.sleep(0.05)

    @staticmethod
    def _holds(what: Callable[[], bool]) -> bool:
        try:
            return what()
        except httpx.HTTPError:
            return False

    def sweep(self) -> None:
        """Run the sweep now."""
        self._admin("/admin/functions/sweep", None)

    def advance(self, seconds: float) -> None:
        """Move the virtual clock."""
        self._admin("/admin/clock/advance", {"seconds": seconds})

    def unfinished_activities(self) -> int:
        """Activities that a dead host had begun or had yet to begin: those that run (again) when it is back."""
        with closing(sqlite3.connect(f"file:{self.data}/host/hub.sqlite?mode=ro", uri=True)) as hub:
            return int(hub.execute("SELECT count(*) FROM activities").fetchone()[0])

    def said(self, words: str) -> list[str]:
        """The lines of the app's log with ``words``."""
        return [line for line in self.log.read_text().splitlines() if words in line]

    def _admin(self, path: str, body: dict[str, float] | None) -> None:
        answer = httpx.post(
            self.url + path, json=body, headers={"x-functions-key": self.key("master")}, timeout=60, trust_env=False
        )
        answer.raise_for_status()


def identities(folder: Path) -> Path:
    """The sample identities and the submitter of these tests."""
    path = folder / "identities.json"
    own = {
        "id": SUBMITTER,
        "name": "Fault clinic system",
        "roles": ["submitter"],
        "claims": {"organization": ORGANIZATION},
    }
    path.write_text(json.dumps([*json.loads((SAMPLES / "identities.json").read_text()), own]))
    return path


def records(port: int) -> list[dict[str, Any]]:
    """The submitter's Organization and its Subscription."""
    members = SAMPLES / "members"
    organization = json.loads((members / "organizations.json").read_text())["entry"][1]["resource"]
    subscription = json.loads((members / "subscriptions.json").read_text())["entry"][0]["resource"]
    organization["id"] = organization["identifier"][0]["value"] = ORGANIZATION
    del organization["identifier"][1:]
    subscription["id"] = f"{ORGANIZATION}-answers"
    subscription["_criteria"]["extension"][0]["valueString"] = f"org-identifier={ORGANIZATION}"
    subscription["channel"]["endpoint"] = f"http://127.0.0.1:{port}/hooks/{ORGANIZATION}"
    return [organization, subscription]


@dataclass(frozen=True)
class Request:
    """One request, not sent yet."""

    sample: str
    bundle: dict[str, Any]
    case: str

    @classmethod
    def of(cls, sample: str, number: str) -> Request:
        """Another request of the content of ``sample``."""
        bundle = request(sample, number=number)
        return cls(sample, bundle, case_of(bundle, ORGANIZATION))

    def send(self, client: Client) -> Answered:
        """``$submit``."""
        return client.send(SUBMITTER, "/fhir/Claim/$submit", json.dumps(self.bundle).encode())

    def try_(self, client: Client) -> Answered | None:
        """``$submit``, or ``None`` when no answer comes: the host died."""
        try:
            return self.send(client)
        except httpx.TransportError:
            return None


def submit_all(client: Client, requests: list[Request], threads: int) -> list[Answered | None]:
    """Send all, ``threads`` at once."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda each: each.try_(client), requests))
