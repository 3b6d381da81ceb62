"""pm4py in an environment of its own, kept in ``.cache/mining`` (see ``requirements.txt`` on its licence)."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Final

from stack.options import ROOT

REQUIREMENTS: Final = Path(__file__).parent / "requirements.txt"
SECONDS: Final = 280


class MiningMissing(Exception):
    """pm4py cannot be had here; the text says why."""


def python() -> Path:
    """The interpreter that has pm4py; fetched once. Raises ``MiningMissing``."""
    home = ROOT / ".cache" / "mining" / hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    ready = home / ".ready"
    if not ready.exists():
        _run([sys.executable, "-m", "venv", "--clear", str(home)])
        _run([str(home / "bin" / "pip"), "install", "-q", "--no-input", "--retries", "0", "-r", str(REQUIREMENTS)])
        ready.touch()
    return home / "bin" / "python"


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MiningMissing(f"pm4py could not be fetched: {type(error).__name__}") from None
    if done.returncode:
        raise MiningMissing(f"pm4py could not be fetched:\n{done.stderr.strip()[-400:]}")
