"""Fixtures that every folder shares: the real servers, started once a session, and the app on the embedded host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import stack
from samples.engine import Engine
from stack.options import ROOT
from tests.ports import free_port
from tests.stack.servers import running


@pytest.fixture(scope="session")
def stack_options(tmp_path_factory: pytest.TempPathFactory) -> stack.Options:
    """A stack of the tests' own: free ports, data that goes with the session."""
    data = tmp_path_factory.mktemp("stack")
    return stack.Options(
        data=data,
        fhir_port=free_port(),
        rules_port=free_port(),
        kafka_port=free_port(),
        registry_port=free_port(),
    )


@pytest.fixture(scope="session")
def servers(stack_options: stack.Options) -> Iterator[stack.Servers]:
    """The real rules service, FHIR server, broker and schema registry. Skips where no JDK or Maven is found."""
    with running(stack_options) as started:
        yield started


@pytest.fixture(scope="session")
def app_host(servers: stack.Servers, stack_options: stack.Options) -> Iterator[Engine]:
    """The app on the embedded host, on the real servers, with the sample members."""
    engine = Engine(data=stack_options.data, port=free_port(), options=stack_options)
    with engine:
        yield engine


@pytest.fixture(scope="session")
def official() -> Path:
    """The example bundles of the PAS package. Skips where they are absent."""
    folder = ROOT.parent / "shared" / "data" / "pas-2.2.1"
    if not folder.exists():
        pytest.skip(f"the official PAS examples are not in {folder.name}")
    return folder
