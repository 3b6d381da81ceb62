"""The processes that serve collect cyclic garbage seldom, and never look at what they loaded at first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

APP = Path(__file__).parent / "surface" / "app"
SCRIPT = """
import gc, os, socket, sys
from host import garbage, worker
from host.cli import main, start

async def serve(*_):
    assert gc.get_threshold()[0] == garbage.THRESHOLD
    assert gc.get_freeze_count() > 10_000
    os._exit(7)

start._serve = worker.serve = serve
if "start" in sys.argv:
    main.main(sys.argv[1:])
else:
    sys.argv += ["--fd", str(socket.socketpair()[0].detach())]
    worker.main()
"""


@pytest.mark.parametrize("process", ["start", "worker"])
def test_the_collector_is_settled_when_the_app_is_loaded(process: str, tmp_path: Path) -> None:
    arguments = ["start", "--data", str(tmp_path)] if process == "start" else []
    served = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments, "--app", str(APP)], check=False, capture_output=True, text=True
    )
    assert served.returncode == 7, served.stderr
