"""An acknowledgement leaves the process only after the disk has what it acknowledges: seen in the system calls."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "crashing.py"
ROOT = Path(__file__).parents[2]
COUNT = 20


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_every_acknowledgement_follows_a_sync_of_its_own_write(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-y", "-s", "4200", "-e", "trace=pwrite64,fdatasync,write", "-o", str(trace)]
    command += [sys.executable, str(SCRIPT), str(tmp_path), str(COUNT)]
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120, check=False
    )
    if "ptrace" in done.stderr:
        pytest.skip("tracing is not allowed here")
    assert done.returncode == 0, done.stderr
    lines = trace.read_text().splitlines()
    synced = [
        number
        for number, line in enumerate(lines)
        if re.search(r"fdatasync(\(\d+<[^>]*-wal>\)| resumed>\)) *= 0", line)
    ]
    for case in range(COUNT):
        name = rf"case-{case}(?!\d)"
        written = _first(lines, rf'pwrite64\(\d+<[^>]*-wal>, ".*{name}')
        acknowledged = _first(lines, rf'write\(1<[^>]*>, "{name}')
        assert any(written < sync < acknowledged for sync in synced), f"case-{case} was acknowledged before its sync"


def _first(lines: list[str], pattern: str) -> int:
    return next(number for number, line in enumerate(lines) if re.search(pattern, line))
