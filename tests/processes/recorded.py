"""Recorded histories as what was seen of a case, its waits included."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.process.seen import Seen, What, seen
from host.recording import replay
from orchestrators.case import Case

PERSONS = ("reviewer", "provider")
"""Whom a case waits for at an element of its own; an operator is awaited at the step that failed."""


def recorded(path: Path, orchestrator: Callable[..., Any], patch: pytest.MonkeyPatch) -> list[Seen]:
    """What the recording shows. The waits are not in a history: the orchestrator says them when it is replayed."""
    recording = json.loads(path.read_text())
    waits: list[tuple[int, str]] = []
    show = Case.show

    def spied(self: Case, step: str, waiting_for: str | None = None, detail: str | None = None) -> None:
        if waiting_for in PERSONS:
            waits.append((self.calls, step))
        show(self, step, waiting_for, detail)

    def again(context: Any) -> Any:
        waits.clear()  # each turn replays from the start
        return (yield from orchestrator(context))

    patch.setattr(Case, "show", spied)
    assert replay(recording, again) == []
    return list(_with_waits(seen(recording["history"]), waits))


def _with_waits(steps: list[Seen], waits: list[tuple[int, str]]) -> Iterator[Seen]:
    """Each wait stands behind the end of the last try before it."""
    tries = 0
    for one in steps:
        yield one
        if one.what in (What.COMPLETED, What.FAILED):
            tries += 1
            yield from (Seen(What.WAITS, step) for calls, step in dict.fromkeys(waits) if calls == tries)
