"""Fixtures of the tests of the whole app; a folder's conftest.py imports what it uses."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from host.options import Compat
from tests.support.world import World, world


@pytest.fixture(params=["azure", "fixed"])
def compat(request: pytest.FixtureRequest) -> Compat:
    """Both modes of the host: what passes only in ``fixed`` is a defect of the app."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
async def app(compat: Compat) -> AsyncIterator[World]:
    """The whole app in both modes, without its timers."""
    async with world(compat=compat) as running:
        yield running


@pytest.fixture
async def door() -> AsyncIterator[World]:
    """The whole app in one mode: for tests of what does not depend on the engine."""
    async with world() as running:
        yield running
