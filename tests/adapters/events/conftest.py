"""Fixtures of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.events.broker import Broker, running


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker of this folder's own: it is stopped and started in between."""
    with running(tmp_path_factory.mktemp("broker")) as started:
        yield started
