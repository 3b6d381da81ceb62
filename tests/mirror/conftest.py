from __future__ import annotations

import time
from pathlib import Path

import pytest

from adapters.camunda.memory import MemoryCamunda
from tests.mirror.bench import Bench
from tests.mirror.simulated import SimulatedSource


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(SimulatedSource(), MemoryCamunda(time.monotonic), tmp_path / "mirror.sqlite")
