"""``POST /replays`` of an engine that runs, from outside."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from adapters.events.base import Position
from events.errors import EventsError

TOKEN: Final = "WORKFLOW_TOKEN"  # noqa: S105 - the name of a variable
"""Environment variable: the access token of an operator. Without it, the local engine's own is taken."""
TRIES: Final = 8
LONGEST: Final = 10.0
"""Seconds between two tries at most."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one record."""

    at: Position
    kind: str
    """A code of ``triggers.event.Kind``, or ``rejected``."""
    case: str | None = None
    reason: str | None = None
    places: tuple[str, ...] = ()
    """What is wrong with it, as JSON paths."""


class EngineDoor:
    """Calls the engine at ``url`` as an operator."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=240, trust_env=False)
        self._answered = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def replay(self, run: str, positions: Sequence[Position], *, dry: bool) -> list[Delivered]:
        """Deliver the records again. While something is away it is tried again, which is safe: what was done is found
        done. Raises ``EventsError`` when it stays away."""
        places = [{"topic": at.topic, "partition": at.partition, "offset": at.offset} for at in positions]
        body = await self._post({"run": run, "dry": dry, "positions": places})
        return [
            Delivered(at, each["kind"], each["case"], each.get("reason"), tuple(each.get("places", ())))
            for at, each in zip(positions, body["outcomes"], strict=True)
        ]

    async def _post(self, body: dict[str, Any]) -> Any:
        for n in range(TRIES):
            if n:
                await asyncio.sleep(min(2.0**n / 2, LONGEST))
            try:
                answer = await self._http.post("/replays", json=body)
            except httpx.TransportError:
                if not self._answered:
                    raise EventsError(f"No engine answers at {self._url}: start it with make run.") from None
                continue
            self._answered = True
            if answer.status_code != 503:
                return _body(answer)
        raise EventsError("The engine, or what it needs, stays away. Give the same command again when it is back.")


def _body(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json()
    try:
        reason = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        reason = "no reason was given"
    raise EventsError(f"The engine refused the replay with HTTP {answer.status_code}: {reason}.")


def token(data: Path, who: str) -> str:
    """The token of ``TOKEN``, or that of ``who`` on the engine that ``make run`` started with ``data``. Raises
    ``EventsError``."""
    if given := os.environ.get(TOKEN):
        return given
    try:
        return str(json.loads((data / "host" / "identities.json").read_text())[who])
    except (OSError, KeyError):
        text = f"start the engine with make run, or put the access token of an operator into {TOKEN}"
        raise EventsError(f"Nobody to sign in as: {text}.") from None
