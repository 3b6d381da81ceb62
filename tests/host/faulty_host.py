"""The app that goes wrong in every way, behind ``python -m host start``, and what tests ask of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from host.cli.manage import why
from tests.apps.process import AppProcess, until

APP = Path(__file__).parent / "faulty"
LIVE = frozenset({"Pending", "Running"})


class FaultyHost(AppProcess):
    """Its data directory is ``folder/data``; its functions look into ``folder`` and write there."""

    def __init__(self, folder: Path, *options: str, **environ: str) -> None:
        self.folder = folder
        super().__init__(APP, folder / "data", *options, FAULTY=str(folder), **environ)

    def start(self, name: str, instance_id: str, given: Any = None) -> None:
        """Start an instance; the input is sent as Azure reads it."""
        answer = self.manage("POST", f"/orchestrators/{name}/{instance_id}", json.dumps(given))
        assert answer.status_code == 202

    def why(self, instance_id: str) -> str:
        """What ``python -m host instances`` says of an instance."""
        return "; ".join(why(self.admin("GET", f"/instances/{instance_id}").json()))

    def ended(self, instance_id: str, status: str = "Completed") -> Any:
        """Wait for the end of an instance; its output."""

        def found() -> Any:
            return self.manage("GET", f"/instances/{instance_id}").json()

        until(lambda: found()["runtimeStatus"] not in LIVE, f"the end of {instance_id}")
        assert found()["runtimeStatus"] == status, found()
        return found()["output"]

    def well(self, instance_id: str) -> None:
        """Others go on: an instance of this id starts and ends."""
        self.start("hello", instance_id, "you")
        assert self.ended(instance_id) == "hello you"

    def hanging(self) -> list[str]:
        """Functions that hold threads for too long."""
        return list(self.admin("GET", "/host/status").json()["hanging"])

    def most_memory(self) -> int:
        """Bytes that the host has held at most."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        (line,) = [line for line in lines if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024


@contextmanager
def faulty_host(folder: Path, *options: str, **environ: str) -> Iterator[FaultyHost]:
    """A host that is killed at the end: its threads may hang."""
    host = FaultyHost(folder, *options, **environ)
    try:
        yield host
    finally:
        host.kill()
