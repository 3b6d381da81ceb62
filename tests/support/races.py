"""Watches every ``task_any`` of the real SDK: what was already yielded may not race again.

On Azure whatever comes after such a race is never scheduled, so a regulatory deadline would silently not escalate.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from azure.durable_functions import DurableOrchestrationContext


class YieldedTwice(AssertionError):
    """A task entered a second race."""


@contextmanager
def watched_races() -> Iterator[list[int]]:
    """Make a second race of the same task an error in the orchestrator. Gives the size of each race so far."""
    races: list[int] = []
    task_any = DurableOrchestrationContext.task_any

    def watched(self: Any, tasks: list[Any]) -> Any:
        seen = self.__dict__.setdefault("_raced", [])
        if any(task is each for task in tasks for each in seen):
            raise YieldedTwice("a task that was already yielded enters a later task_any")
        seen.extend(tasks)
        races.append(len(tasks))
        return task_any(self, tasks)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DurableOrchestrationContext, "task_any", watched)
        yield races
