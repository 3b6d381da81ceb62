"""The real schema registry, spoken to as Confluent's clients do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import stack
from tests.ports import free_port
from tests.stack.listening import addresses
from tests.stack.servers import kill, open_to_others, start

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Options]:
    """A registry of this module's own, because it is killed."""
    options = stack.Options(data=tmp_path_factory.mktemp("registry"), only=("registry",), registry_port=free_port())
    start(options)
    yield options
    stack.down(options)


@pytest.fixture
def registry(options: stack.Options) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.up(options).registry_url, timeout=60, trust_env=False) as client:
        yield client


def schema(**types: str) -> dict[str, Any]:
    """A registration: a closed JSON Schema whose properties are all required."""
    properties = {name: {"type": each} for name, each in types.items()}
    text = {"type": "object", "properties": properties, "required": list(types), "additionalProperties": False}
    return {"schemaType": "JSON", "schema": json.dumps(text)}


def test_schemas_outlive_a_stop_and_a_kill(options: stack.Options, registry: httpx.Client) -> None:
    first = registry.post("/subjects/kept/versions", json=schema(case="string"))
    assert first.status_code == 200
    stack.down(options)
    stack.up(options)
    second = registry.post("/subjects/kept-too/versions", json=schema(case="integer"))
    assert second.status_code == 200
    kill(options, "registry")
    stack.up(options)
    for subject, registered in (("kept", first), ("kept-too", second)):
        assert registry.get(f"/subjects/{subject}/versions/latest").json()["id"] == registered.json()["id"]


def test_an_incompatible_version_is_refused_once_the_rule_is_set(registry: httpx.Client) -> None:
    assert registry.get("/config").json() == {"compatibilityLevel": "NONE"}, "every subject names its rule, then"
    assert registry.post("/subjects/ruled/versions", json=schema(case="string")).status_code == 200
    registry.put("/config/ruled", json={"compatibility": "BACKWARD"}).raise_for_status()
    breaking = schema(case="integer")
    answer = registry.post("/compatibility/subjects/ruled/versions/latest", json=breaking)
    assert answer.json()["is_compatible"] is False
    assert registry.post("/subjects/ruled/versions", json=breaking).status_code == 409
    assert registry.get("/subjects/ruled/versions").json() == [1]


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="listeners are read from /proc")
def test_it_listens_on_loopback_only(options: stack.Options) -> None:
    state = stack.status(options)[0]
    assert state.pid is not None
    assert addresses(state.pid) == {"127.0.0.1"}


def test_its_files_are_the_owners_alone(options: stack.Options, registry: httpx.Client) -> None:
    assert open_to_others(options.data / "registry") == []
    assert open_to_others(options.data / "logs" / "registry.log") == []
