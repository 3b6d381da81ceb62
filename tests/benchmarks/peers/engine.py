"""What the workloads ask of an engine; each one implements it in a module of its own."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from pathlib import Path

from tests.benchmarks.peers import activity


class Engine(ABC):
    """An engine with its client, in this process.

    Its workflows: ``steps`` calls the activity that many times, one after the other; ``fan`` that many times at once;
    ``task`` waits for an approval raced against a timer of ``activity.DEADLINE``.
    """

    evicts = False
    """Whether it throws away after a while what it holds for parked instances."""

    def __init__(self, data: Path) -> None:
        """``data``: an existing directory for what it stores; what an earlier process left there is taken up."""
        self.data = data

    @abstractmethod
    async def open(self) -> None:
        """Ready for work when it returns."""

    @abstractmethod
    async def start(self, workflow: str, instance: str, argument: int) -> None:
        """Returns when the engine has acknowledged the start."""

    async def ensure(self, workflow: str, instance: str, argument: int) -> None:
        """As ``start``, by a client that doesn't know whether an earlier one has started it."""
        await self.start(workflow, instance, argument)

    async def run(self, workflow: str, instance: str, argument: int) -> object:
        """Start it and wait for its output."""
        await self.start(workflow, instance, argument)
        return await self.wait(instance)

    @abstractmethod
    async def wait(self, instance: str) -> object:
        """The output, when the instance has ended."""

    @abstractmethod
    async def approve(self, instance: str) -> None:
        """Raise the event of a ``task``; returns when it is acknowledged."""

    async def parked(self, count: int) -> None:
        """Returns when that many instances have come to their wait."""
        while len(activity.waiting) < count:  # noqa: ASYNC110 (told from threads, too)
            await asyncio.sleep(0.01)

    async def evicted(self) -> None:  # noqa: B027 (most hold what they have)
        """Returns when parked instances hold no more memory than they will for long."""

    def pids(self) -> list[int]:
        """Servers beside this process."""
        return []

    @abstractmethod
    async def close(self) -> None:
        """Stop in order."""
