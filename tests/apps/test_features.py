"""Every public member of the SDK's three objects is used in this folder, and README.md says by which app."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from azure.durable_functions import DurableEntityContext, DurableOrchestrationClient, DurableOrchestrationContext

HERE = Path(__file__).parent
APPS = ("fleet", "shop", "travel")
OBJECTS: dict[str, type] = {
    "context": DurableOrchestrationContext,
    "entity": DurableEntityContext,
    "client": DurableOrchestrationClient,
}
"""By the name that variables of this folder have."""
NOT_FOR_APPS = {"from_json": "the SDK itself makes a context of what the host sends"}
ONE_HUB = {
    "task_hub_name": "a host serves one hub",
    "connection_name": "a host has one store",
}
"""Parameters that need not be passed to every method."""


def members(of: str) -> dict[str, Any]:
    """Public methods and properties by name."""
    return {name: member for name, member in inspect.getmembers(OBJECTS[of]) if not name.startswith("_")}


@cache
def used(folder: Path) -> tuple[tuple[str, str, ast.Call | None], ...]:
    """Variable, member and, of a method, the call: all that the code of a folder uses."""
    return tuple(_used(folder))


def _used(folder: Path) -> Iterator[tuple[str, str, ast.Call | None]]:
    for path in folder.glob("*.py"):
        tree = ast.parse(path.read_text())
        calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in OBJECTS:
                yield node.value.id, node.attr, calls.get(id(node))


def passed(member: Any, call: ast.Call) -> set[str]:
    """The parameters that a call gives."""
    keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    return set(inspect.signature(member).bind_partial(None, *call.args, **keywords).arguments)


def users(of: str, name: str) -> list[str]:
    """The apps that use a member: of a method, that call it."""
    is_method = callable(members(of)[name])
    return [
        app
        for app in APPS
        if any((of, name) == use[:2] and (use[2] is not None or not is_method) for use in used(HERE / app))
    ]


@pytest.mark.parametrize("of", OBJECTS)
def test_every_public_member_is_used(of: str) -> None:
    unused = {name for name in members(of) if not users(of, name)}
    assert unused == NOT_FOR_APPS.keys() & members(of).keys()


@pytest.mark.parametrize("of", OBJECTS)
def test_every_parameter_is_passed(of: str) -> None:
    given: dict[str, set[str]] = {}
    for folder in (HERE, *(HERE / app for app in APPS)):
        for variable, name, call in used(folder):
            if variable == of and call is not None and name in members(of):
                given.setdefault(name, set()).update(passed(members(of)[name], call))
    missing = {
        f"{name}({parameter})"
        for name, parameters in given.items()
        for parameter in inspect.signature(members(of)[name]).parameters
        if parameter not in parameters and parameter not in ONE_HUB
    }
    assert not missing


def test_the_table_says_who_uses_what() -> None:
    rows = re.findall(r"^\| `(\w+)\.(\w+)` \| (.+) \|$", (HERE / "README.md").read_text(), re.MULTILINE)
    told = {(of, name): apps.split(", ") for of, name, apps in rows}
    assert told == {(of, name): users(of, name) for of in OBJECTS for name in members(of) if name not in NOT_FOR_APPS}
