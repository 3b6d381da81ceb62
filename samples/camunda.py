"""Camunda beside the engine, if asked: the mirror that shows its cases there, and what Camunda reports of them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import httpx

from domain.process.conformance import walk
from domain.process.model import Model, parse_model
from mirror.source import History, seen
from processes import text_of
from samples.mirrored import exact
from samples.witness import Witness, witness
from stack.options import ROOT
from stack.processes import give_way
from stack.progress import Progress

WITNESS_PORT: Final = 18090
"""Where the Camunda engine sends its records."""
SECONDS: Final = 60.0
"""Within which Camunda must show what has happened."""


class Mirror:
    """``python -m mirror`` as a process of its own. ``settings``: its environment."""

    def __init__(self, settings: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as out:
            command = [sys.executable, "-m", "mirror"]
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, env={**os.environ, **settings})
        give_way(self._process.pid)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def stop(self) -> None:
        """Stop it, if it still runs."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(60)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()


class Watched:
    """Listens to the Camunda engine while the block lasts; ``data`` keeps what was heard."""

    def __init__(self, data: Path, port: int = WITNESS_PORT) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._context = witness(port, data / "camunda-witness.jsonl")
        self.witness: Witness = self._context.__enter__()

    def close(self) -> None:
        """Stop listening."""
        self._context.__exit__(None, None, None)


@dataclass(frozen=True, slots=True)
class Count:
    """Cases, and those that Camunda shows as they went."""

    cases: int
    others: tuple[str, ...]
    """Ids of those that it does not."""

    def __str__(self) -> str:
        return f"mirrored {self.cases - len(self.others)} of {self.cases} cases"


class Inspector:
    """Compares what Camunda reports with what the engine says."""

    def __init__(self, http: httpx.Client, headers: Mapping[str, str], witness: Witness) -> None:
        """``http``: the app; ``headers``: those of an operator."""
        self._http, self._headers, self._witness = http, headers, witness
        self._models: dict[tuple[str, str], Model] = {}

    def count(self, seconds: float = SECONDS) -> Count:
        """All instances of the task hub: what is not shown yet is waited for."""
        query = {"ended-since": "2000-01-01T00:00:00Z"}
        cases = [str(each["id"]) for each in self._get("/processes/instances", query)["items"]]
        others, end = cases, time.monotonic() + seconds
        with Progress("Camunda: catching up") as progress:
            while (others := [case for case in others if not self._shows(case)]) and time.monotonic() < end:
                progress.tick()
                time.sleep(0.5)
        return Count(len(cases), tuple(others))

    def _shows(self, case: str) -> bool:
        shown = self._witness.shown(case)
        if not shown:
            return False
        history = History.model_validate(self._get(f"/processes/instances/{case}"))
        shape = self._model(history.workflow, history.version)
        return len(shown) == 1 and exact(shown[0], walk(seen(history.steps), shape), shape)

    def _model(self, workflow: str, version: str) -> Model:
        if (workflow, version) not in self._models:
            self._models[workflow, version] = parse_model(text_of(workflow, version))
        return self._models[workflow, version]

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        answer = self._http.get(path, params=query, headers=dict(self._headers)).raise_for_status()
        return dict(answer.json())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
