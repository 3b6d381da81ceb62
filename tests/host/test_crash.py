"""The process dies as by ``kill -9`` at each named point, and a new one finishes everything exactly once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from host.crashpoints import CRASH_POINTS, KILLED
from host.model import InstanceQuery, Status
from host.store.sqlite import SqliteStore

SCRIPT = Path(__file__).parent / "crashing.py"
ROOT = Path(__file__).parents[2]


def _run(data: Path, count: int, crash_at: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HOST_CRASH_AT": crash_at, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(SCRIPT), str(data), str(count)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("passes", [1, 7])
@pytest.mark.parametrize("point", sorted(CRASH_POINTS))
async def test_a_host_that_dies_at_a_named_point_loses_nothing(tmp_path: Path, point: str, passes: int) -> None:
    count = 8  # the entity of each has a batch of its own: more than passes are asked for
    died = _run(tmp_path, count, f"{point}:{passes}")
    assert died.returncode == KILLED, died.stderr
    finished = _run(tmp_path, count)
    assert finished.returncode == 0, finished.stderr
    await _assert_complete(tmp_path, count, acknowledged=died.stdout.split())


async def test_a_host_that_is_killed_in_full_flight_loses_nothing(tmp_path: Path) -> None:
    count = 60
    acknowledged = _killed_after(tmp_path, count, 10) + _killed_after(tmp_path, count, 30)
    assert _run(tmp_path, count).returncode == 0
    await _assert_complete(tmp_path, count, acknowledged)


@pytest.mark.fault
async def test_a_host_that_is_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    count = 100
    acknowledged: list[str] = []
    for round_ in range(6):
        acknowledged += _killed_after(tmp_path, count, 5, seconds=0.1 * round_)
    for round_ in range(6):
        _killed_after(tmp_path, count, 0, seconds=1.0 + 0.2 * round_)
    assert _run(tmp_path, count).returncode == 0
    await _assert_complete(tmp_path, count, acknowledged)


def _killed_after(data: Path, count: int, lines: int, seconds: float = 0.0) -> list[str]:
    """What the host acknowledged before it was killed, ``seconds`` after the last of ``lines`` acknowledgements."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(SCRIPT), str(data), str(count)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = [line for _ in range(lines) if (line := process.stdout.readline().strip())]
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
    return acknowledged


async def _assert_complete(data: Path, count: int, acknowledged: list[str]) -> None:
    store = SqliteStore(data / "hub.db")
    await store.open()
    cases = {case.instance_id: case for case in (await store.query(InstanceQuery())).items}
    counted = await store.entity("@counter@cases")
    await store.close()
    assert set(acknowledged) <= set(cases)
    assert len(cases) == 2 * count
    for number in range(count):
        case = cases[f"case-{number}"]
        assert case.status is Status.COMPLETED
        assert json.loads(case.output or "") == [1, f"case-{number}:child"], "the entity was called exactly once"
    assert counted is not None
    assert counted.state == str(count), "each signal counted exactly once"
    effects = Counter((data / "effects").read_text().split())
    assert len(effects) == 7 * count, "every activity ran; at least once"
