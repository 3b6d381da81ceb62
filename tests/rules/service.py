"""The real rules service for tests: built when its sources changed, started on a free port, stopped at the end."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack.build import built
from stack.java import find_jdk
from stack.options import StackError
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
RULESETS = ROOT / "rules" / "rulesets"
READY_SECONDS = 90.0


@dataclass(frozen=True)
class Service:
    """A running rules service."""

    url: str
    log: Path
    pid: int

    def get(self, path: str) -> Any:
        """The JSON answer to a GET that must succeed."""
        return httpx.get(self.url + path, timeout=10).raise_for_status().json()

    def post(self, ruleset: str, version: str, body: Any) -> httpx.Response:
        """Ask for an evaluation."""
        return httpx.post(f"{self.url}/v1/rulesets/{ruleset}/versions/{version}/evaluate", json=body, timeout=10)

    def judge(self, ruleset: str, version: str, facts: Any) -> Any:
        """The answer to facts that must be taken."""
        response = self.post(ruleset, version, {"facts": facts})
        assert response.is_success, response.text
        return response.json()


@contextmanager
def running(rulesets: Path, log: Path, *properties: str, ready: bool = True, wait: bool = True) -> Iterator[Service]:
    """The service over ``rulesets``. ``properties``: ``name=value``. ``ready``: wait until all packages serve; else
    until all were tried. Without ``wait``: not at all."""
    try:
        jar, java = built("rules", "rules service", ROOT / "rules" / "service"), find_jdk().java
    except StackError as error:
        pytest.skip(f"the rules service cannot be built: {error}")
    port = free_port()
    options = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx384m"]
    settings = [f"-D{each}" for each in (f"port={port}", f"directory={rulesets}", *properties)]
    with log.open("wb") as out:
        process = subprocess.Popen([java, *options, *settings, "-jar", jar], stdout=out, stderr=subprocess.STDOUT)
    try:
        service = Service(f"http://127.0.0.1:{port}", log, process.pid)
        if wait:
            _wait(service, process, ready)
        yield service
    finally:
        process.terminate()
        process.wait(20)


def next_version(folder: Path, ruleset: str, version: str, *edits: tuple[str, str, str]) -> Path:
    """A copy of 1.0.0 as ``version``; each edit: file, old text, new text."""
    copy = Path(shutil.copytree(folder / ruleset / "1.0.0", folder / ruleset / version))
    for file, old, new in (("ruleset.json", '"version": "1.0.0"', f'"version": "{version}"'), *edits):
        text = (copy / file).read_text()
        assert old in text
        (copy / file).write_text(text.replace(old, new))
    return copy


def publish(service: Service, ruleset: str, version: str) -> httpx.Response:
    """Hot deployment of a folder."""
    return httpx.put(f"{service.url}/v1/rulesets/{ruleset}/versions/{version}", timeout=30)


def problems(response: httpx.Response) -> list[dict[str, str]]:
    """The errors of a refusal."""
    assert response.status_code == 422, response.text
    found: list[dict[str, str]] = response.json()["errors"]
    return found


def _wait(service: Service, process: subprocess.Popen[bytes], ready: bool) -> None:
    limit = time.monotonic() + READY_SECONDS
    while time.monotonic() < limit and process.poll() is None:
        try:
            answer = httpx.get(f"{service.url}/health/ready", timeout=5)
        except httpx.TransportError:
            answer = None
        if answer is not None and (answer.is_success or (not ready and "loading" not in answer.text)):
            return
        time.sleep(0.1)
    raise AssertionError(f"the rules service did not become ready: {service.log.read_text()}")
