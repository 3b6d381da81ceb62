"""Scenarios of rulesets: ``rules/rulesets/<name>/<version>/tests/*.yaml`` (docs/rules.md tells the format)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from tests.rules.service import RULESETS


class _Loader(yaml.SafeLoader):
    """YAML whose dates stay text and whose only booleans are ``true`` and ``false``: ``on`` is a field of facts."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if not tag.endswith((":bool", ":timestamp"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))


class Scenario(BaseModel):
    """Facts and what the rules must say of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    given: dict[str, Any] = {}
    expect: dict[str, Any]
    """DRL: type -> partial results, each of which must be found. DMN: decision -> partial value."""
    fired: tuple[str, ...] = ()
    """Ids, or patterns with ``*`` that stand for every rule that they match."""
    not_fired: tuple[str, ...] = Field(default=(), alias="notFired")


class ScenarioFile(BaseModel):
    """One YAML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    defaults: dict[str, Any] = {}
    """Merged under ``given``; a default object is merged under every element of a given list."""
    exact: tuple[str, ...] = ()
    """Result types of which nothing but the expected may come."""
    scenarios: tuple[Scenario, ...]


@dataclass(frozen=True)
class Case:
    """One scenario of one ruleset version."""

    ruleset: str
    version: str
    file: str
    exact: tuple[str, ...]
    facts: dict[str, Any]
    scenario: Scenario

    def __str__(self) -> str:
        return f"{self.ruleset} {self.version} {self.file}: {self.scenario.name}"

    def failures(self, answer: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[str]:
        """Where ``answer`` differs; ``known``: the ids of all rules of the version."""
        for name, expected in self.scenario.expect.items():
            yield from _differences(name, expected, answer["results"].get(name), name in self.exact)
        fired = {rule["id"] for rule in answer["fired"]}
        yield from (f"{rule} did not fire" for rule in self.must_fire(known) - fired)
        yield from (f"{rule} fired" for rule in self.must_not_fire(known) & fired)

    def must_fire(self, known: tuple[str, ...]) -> set[str]:
        """Ids that ``fired`` names."""
        return _matching(self.scenario.fired, known)

    def must_not_fire(self, known: tuple[str, ...]) -> set[str]:
        """Ids that ``notFired`` names."""
        return _matching(self.scenario.not_fired, known)


def cases(rulesets: Path = RULESETS) -> list[Case]:
    """Every scenario of every ruleset version."""
    found = []
    for path in sorted(rulesets.glob("*/*/tests/*.yaml")):
        version = path.parent.parent
        content = yaml.load(path.read_text(), _Loader)
        file = ScenarioFile.model_validate(content)
        for scenario in file.scenarios:
            facts = merge(file.defaults, scenario.given)
            found.append(Case(version.parent.name, version.name, path.name, file.exact, facts, scenario))
    return found


def merge(default: Any, given: Any) -> Any:
    """``given`` over ``default``."""
    if isinstance(default, dict) and isinstance(given, dict):
        return {key: merge(default.get(key), given[key]) if key in given else default[key] for key in default | given}
    if isinstance(default, dict) and isinstance(given, list):
        return [merge(default, each) for each in given]
    return given


def _matching(patterns: tuple[str, ...], known: tuple[str, ...]) -> set[str]:
    matched = {pattern: {rule for rule in known if fnmatchcase(rule, pattern)} for pattern in patterns}
    unknown = [pattern for pattern, rules in matched.items() if not rules]
    assert not unknown, f"no rule has the id {', '.join(unknown)}"
    return set().union(*matched.values())


def _differences(name: str, expected: Any, actual: Any, exact: bool) -> Iterator[str]:
    if isinstance(expected, dict):
        if not _contains(actual, expected):
            yield f"{name}: expected {expected}, got {actual}"
        return
    for each in expected:
        if not any(_contains(result, each) for result in actual):
            yield f"{name}: expected {each}, got {actual}"
    if exact and len(actual) != len(expected):
        yield f"{name}: expected {len(expected)}, got {len(actual)}"


def _contains(actual: Any, expected: Mapping[str, Any]) -> bool:
    return isinstance(actual, dict) and all(key in actual and actual[key] == value for key, value in expected.items())
