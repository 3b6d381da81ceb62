"""The sample app of this folder behind a real port, on the virtual clock and the memory store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from azure.durable_functions import DurableOrchestrationClient
from azure.durable_functions.models.utils import http_utils

from host.app import AppIndex, load_app
from host.identity import Identity
from host.options import Compat
from host.testing_http import HttpHost, http_host

APP = Path(__file__).parent / "app"
PEOPLE = (
    Identity(id="ann", name="Änn Reviewer", roles=("reviewer",), claims={"org": ("o1", "o2"), "npi": "1"}),
    Identity(id="bob", name="Bob", roles=("submitter", "operator")),
)


@pytest.fixture(scope="session")
def settings() -> Iterator[pytest.MonkeyPatch]:
    """App settings of the sample app."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TICK", "0 */5 * * * *")
        patch.setenv("AzureWebJobs.switched_off.Disabled", "true")
        yield patch


@pytest.fixture(scope="session")
def app(settings: pytest.MonkeyPatch) -> AppIndex:
    """The sample app, loaded once."""
    return load_app(APP)


@pytest.fixture
async def host(app: AppIndex) -> AsyncIterator[HttpHost]:
    """The sample app, served; people are known by the tokens ``ann`` and ``bob``."""
    async with http_host(app, identities=PEOPLE) as host:
        yield host


@pytest.fixture
async def compat_host(app: AppIndex, compat: Compat) -> AsyncIterator[HttpHost]:
    """The sample app, served as Azure does and without Azure's defects."""
    async with http_host(app, compat=compat) as host:
        yield host


@pytest.fixture
async def client(host: HttpHost) -> AsyncIterator[DurableOrchestrationClient]:
    """The unmodified client of the SDK, in the test's own loop."""
    yield DurableOrchestrationClient(host.server.binding.text())
    await http_utils._close_session()
    http_utils._client_session = None
