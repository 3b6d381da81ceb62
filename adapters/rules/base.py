"""What the engine needs of the rules service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from domain.json import Json


class FiredRule(BaseModel):
    """A rule that took part in an answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    """Stable id: the DRL rule's ``@id``, the id column of a decision table, or the row's id of a DMN table."""
    text: str
    """One sentence that a provider can read."""


class Evaluation(BaseModel):
    """The answer of one ruleset version to one set of facts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    ruleset: str
    version: str
    content_hash: str
    results: dict[str, Json]
    """DRL: result type name -> list of result objects. DMN: decision name -> value."""
    fired: tuple[FiredRule, ...]


class Rules(Protocol):
    """The rules service.

    Methods raise ``Unavailable('rules')`` when it does not answer or answers 5xx, ``NotFound('ruleset')`` for an
    unknown ruleset or version, ``Defect('rules-refused')`` for facts that it refuses (422).
    """

    async def current(self) -> dict[str, str]:
        """The version of each ruleset that new cases take: name -> version."""
        ...

    async def evaluate(self, ruleset: str, version: str, facts: Mapping[str, Json]) -> Evaluation:
        """Judge ``facts``: for DRL ``{fact type: object or list}``, for DMN ``{input name: value}``."""
        ...

    async def ready(self) -> None:
        """Return when all rulesets are loaded; raise ``Unavailable('rules')`` otherwise."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...
