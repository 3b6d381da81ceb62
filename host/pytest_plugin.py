"""pytest plugin: an app's durable functions in the test's own process, on a virtual clock and a memory store.

async def test_approval(durable):
    host = await durable(app)
    begun = await host.run("approval")
    await host.advance(days=7)
    assert (await host.settled(begun.instance_id)).status is Status.COMPLETED

``durable`` needs pytest-asyncio, in either of its modes. ``durable_sync`` is for tests that are plain functions. Both
take what ``host.testing.durable_host`` takes, as often as a test likes; the hosts stop when it ends.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from host.hub import TaskHub
    from host.model import InstanceStatus
    from host.testing import DurableHost

# pytest loads this module wherever the host is installed: the host itself is imported when a fixture is used.

T = TypeVar("T")
Durable = Callable[..., "Awaitable[DurableHost]"]
"""What the fixture ``durable`` gives."""
DurableSync = Callable[..., "SyncHost"]
"""What the fixture ``durable_sync`` gives."""


class SyncHost:
    """A ``host.testing.DurableHost`` for tests without a loop: it works while a method of it runs, and only then."""

    def __init__(self, host: DurableHost, runner: asyncio.Runner) -> None:
        self.host = host
        self._runner = runner

    @property
    def hub(self) -> TaskHub:
        """For ``wait``: ``host.wait(host.hub.terminate(instance))``."""
        return self.host.hub

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of the host to its end."""
        return self._runner.run(coroutine)

    def run(self, name: str, data: object = None, instance_id: str | None = None) -> InstanceStatus:
        """Start an orchestration with JSON input and return its status when it settles."""
        return self.wait(self.host.run(name, data, instance_id))

    def raise_event(self, instance_id: str, name: str, data: object = None) -> InstanceStatus:
        """Raise an event with JSON data and return the instance's status when it settles."""
        return self.wait(self.host.raise_event(instance_id, name, data))

    def advance(self, by: timedelta | None = None, **units: float) -> None:
        """Move the virtual clock, doing all that falls due on the way."""
        self.wait(self.host.advance(by, **units))

    def settled(self, instance_id: str) -> InstanceStatus:
        """Status of an instance when nothing more happens by itself."""
        return self.wait(self.host.settled(instance_id))

    def record(self, instance_id: str) -> dict[str, Any]:
        """The history so far, as a recording (``host.recording``)."""
        return self.wait(self.host.record(instance_id))

    def fail(
        self,
        name: str,
        times: int = 1,
        error: Exception | type[Exception] | None = None,
        *,
        attempt: int | None = None,
        instance: str | None = None,
    ) -> None:
        """As ``DurableHost.fail``."""
        self.host.fail(name, times, error, attempt=attempt, instance=instance)


@pytest.fixture
def durable_sync() -> Iterator[DurableSync]:
    """``durable_sync(app)`` starts a host and returns it as a ``SyncHost``."""
    from host.testing import durable_host

    stack = AsyncExitStack()
    # A loop of its own that nobody else finds set as the current one.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:

        def start(app: Any, **options: Any) -> SyncHost:
            return SyncHost(runner.run(stack.enter_async_context(durable_host(app, **options))), runner)

        yield start
        runner.run(stack.aclose())


if importlib.util.find_spec("pytest_asyncio") is not None:
    import pytest_asyncio

    @pytest_asyncio.fixture
    async def durable() -> AsyncIterator[Durable]:
        """``await durable(app)`` starts a host and returns it as a ``host.testing.DurableHost``."""
        from host.testing import durable_host

        async with AsyncExitStack() as stack:

            async def start(app: Any, **options: Any) -> DurableHost:
                return await stack.enter_async_context(durable_host(app, **options))

            yield start
