"""Each app of this folder behind ``python -m host start``, once a module and compatibility mode."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from azure.durable_functions import DurableOrchestrationClient, OrchestrationRuntimeStatus
from azure.durable_functions.models.utils import http_utils

from tests.apps.curl import Answer, curl
from tests.apps.process import WAIT, AppProcess

LIVE = frozenset(
    {
        OrchestrationRuntimeStatus.Pending,
        OrchestrationRuntimeStatus.Running,
        OrchestrationRuntimeStatus.ContinuedAsNew,
        OrchestrationRuntimeStatus.Suspended,
    }
)
Ended = Callable[[str], Awaitable[Any]]


@pytest.fixture(scope="module", params=["azure", "fixed"])
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """The app of the module (its ``APP`` and ``OPTIONS``), in both compatibility modes.

    Every turn is taken by living code and by cold replay, and they must say the same.
    """
    data = tmp_path_factory.mktemp(request.module.APP.name) / "data"
    options = ("--compat", request.param, "--sessions", "verify", *request.module.OPTIONS)
    started = AppProcess(request.module.APP, data, *options)
    yield started
    started.stop()
    assert "living code and cold replay differ" not in started.output


@pytest.fixture
async def client(host: AppProcess) -> AsyncIterator[DurableOrchestrationClient]:
    """The unmodified client of the SDK, in the test's own loop."""
    yield DurableOrchestrationClient(host.binding)
    await http_utils._close_session()
    http_utils._client_session = None


@pytest.fixture
def ended(client: DurableOrchestrationClient) -> Ended:
    """The status of an instance once it has ended."""

    async def wait(instance_id: str) -> Any:
        end = time.monotonic() + WAIT
        while (status := await client.get_status(instance_id)).runtime_status in LIVE:
            assert time.monotonic() < end, f"{instance_id} has not ended: {status.to_json()}"
            await asyncio.sleep(0.02)
        assert status, f"{instance_id} does not exist"
        return status

    return wait


@pytest.fixture(name="curl")
def installed_curl() -> Callable[..., Answer]:
    """curl; skips where it is not installed."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    return curl
