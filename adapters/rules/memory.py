"""Rules in memory: the twin of the rules service for tests of what stands above it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapters.rules.base import Evaluation, FiredRule
from domain.errors import NotFound, Unavailable
from domain.json import Json


@dataclass(frozen=True)
class Judgement:
    """What a judge function answers."""

    results: Mapping[str, Json]
    """As ``Evaluation.results``."""
    fired: tuple[FiredRule, ...] = ()


Judge = Callable[[Mapping[str, Json]], Judgement]


class MemoryRules:
    """Rulesets as Python functions. ``available = False`` makes every call fail as a stopped service does."""

    def __init__(self) -> None:
        self._judges: dict[tuple[str, str], Judge] = {}
        self._current: dict[str, str] = {}
        self.available = True
        self.asked: list[tuple[str, str, dict[str, Json]]] = []
        """Every evaluation: ruleset, version, facts."""

    def register(self, ruleset: str, version: str, judge: Judge) -> None:
        """Load a version and make it the current one."""
        self._judges[ruleset, version] = judge
        self._current[ruleset] = version

    async def current(self) -> dict[str, str]:
        """The version of each ruleset that was registered last."""
        await self.ready()
        return dict(self._current)

    async def evaluate(self, ruleset: str, version: str, facts: Mapping[str, Json]) -> Evaluation:
        """Ask the judge that was registered for this version."""
        await self.ready()
        judge = self._judges.get((ruleset, version))
        if judge is None:
            raise NotFound("ruleset", f"there is no ruleset {ruleset} {version}")
        self.asked.append((ruleset, version, dict(facts)))
        judgement = judge(facts)
        return Evaluation(
            ruleset=ruleset,
            version=version,
            content_hash=hashlib.sha256(f"{ruleset} {version}".encode()).hexdigest(),
            results=dict(judgement.results),
            fired=judgement.fired,
        )

    async def ready(self) -> None:
        """Raise ``Unavailable('rules')`` while ``available`` is false."""
        if not self.available:
            raise Unavailable("rules", "the rules service is switched off by the test")

    async def aclose(self) -> None:
        """Nothing to close."""
