"""Fixtures of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.fixtures import door
from tests.support.ordered import Ordered, ordered

__all__ = ["door"]


@pytest.fixture
async def log() -> AsyncIterator[Ordered]:
    async with ordered() as running:
        yield running
