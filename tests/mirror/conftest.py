from __future__ import annotations

import time
from pathlib import Path

import pytest

from adapters.camunda.memory import MemoryCamunda
from tests.browser.conftest import browser, chromium, pictures
from tests.mirror.bench import Bench
from tests.mirror.simulated import SimulatedSource

__all__ = ["bench", "browser", "chromium", "pictures"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(SimulatedSource(), MemoryCamunda(time.monotonic), tmp_path / "mirror.sqlite")
