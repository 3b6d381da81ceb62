"""Models reach Camunda once each, in the order of their versions, whatever comes between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import processes
from adapters.camunda.memory import MemoryCamunda
from domain.errors import Unavailable
from mirror import connect
from mirror.deploy import Release, deploy
from mirror.store import Store

BESIDE = {"a.form": b"{}"}


def release(version: str, process: str = "appeal") -> Release:
    text = processes.text_of(process, "1.0.0").replace('versionTag value="1.0.0"', f'versionTag value="{version}"')
    return Release(process, version, f"{process}-{version}.bpmn", text.encode())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "mirror.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def camunda() -> MemoryCamunda:
    return MemoryCamunda(time.monotonic)


async def test_the_newest_version_comes_last_and_no_version_twice(camunda: MemoryCamunda, store: Store) -> None:
    releases = [release("1.10.0"), release("1.9.0"), release("1.0.0", "prior-authorization"), release("1.0.0")]
    done = await deploy(camunda, store, releases, BESIDE)
    assert done == ["appeal-1.0.0.bpmn", "appeal-1.9.0.bpmn", "appeal-1.10.0.bpmn", "prior-authorization-1.0.0.bpmn"]
    keys = {each.version: store.definition(each.process, each.version) for each in releases}
    assert await deploy(camunda, store, releases, BESIDE) == []
    assert {each.version: store.definition(each.process, each.version) for each in releases} == keys
    assert camunda.commands["deploy"] == 4


async def test_a_new_version_alone_is_deployed(camunda: MemoryCamunda, store: Store) -> None:
    await deploy(camunda, store, [release("1.0.0")], BESIDE)
    assert await deploy(camunda, store, [release("1.0.0"), release("1.1.0")], BESIDE) == ["appeal-1.1.0.bpmn"]


async def test_what_models_refer_to_goes_along_when_it_has_changed(camunda: MemoryCamunda, store: Store) -> None:
    releases = [release("1.0.0"), release("1.1.0")]
    await deploy(camunda, store, releases, BESIDE)
    before = store.definition("appeal", "1.1.0")
    assert await deploy(camunda, store, releases, {"a.form": b'{"new": true}'}) == [each.name for each in releases]
    assert store.definition("appeal", "1.1.0") != before


async def test_after_an_outage_it_goes_on_where_it_was(store: Store) -> None:
    def before(command: str) -> None:
        if camunda.commands["deploy"] == 1 and away:
            raise Unavailable("camunda")

    away = True
    camunda = MemoryCamunda(time.monotonic, before)
    releases = [release("1.0.0"), release("1.1.0")]
    with pytest.raises(Unavailable):
        await deploy(camunda, store, releases, BESIDE)
    away = False
    assert await deploy(camunda, store, releases, BESIDE) == ["appeal-1.1.0.bpmn"]


async def test_everything_that_there_is_is_taken(camunda: MemoryCamunda, store: Store) -> None:
    assert len(await deploy(camunda, store, connect.releases(), connect.beside())) == len(processes.files())
    for process, version in connect.models(connect.releases()):
        assert store.definition(process, version) is not None
